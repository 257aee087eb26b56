"""When to ask again, and when to stop: pure, so that it can be read and tested without waiting.

Exponential back-off with full jitter, so that many images of one registry do not come back in step. A registry that
says when to come back (Retry-After) is believed, up to a limit.
"""

import datetime
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

AGAIN = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same question may have an answer."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a question is asked, and how long is waited before it is asked again."""

    attempts: int = 4
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0

    def wait(self, attempt: int, retry_after_seconds: float | None, chance: float) -> float | None:
        """Seconds to wait after the `attempt`-th answer (from 1), or None to give up; `chance` is within 0 and 1.

        A Retry-After is kept to the second or more: never less, up to a tenth later. One beyond the limit ends it.
        """
        if attempt >= self.attempts:
            return None
        if retry_after_seconds is not None:
            if retry_after_seconds > self.longest_wait_seconds:
                return None
            return max(retry_after_seconds, self.first_wait_seconds * chance) * (1 + 0.1 * chance)
        return min(self.first_wait_seconds * 2.0 ** (attempt - 1), self.longest_wait_seconds) * chance


def retry_after(header: str | None, now: datetime.datetime) -> float | None:
    """The seconds that a Retry-After header asks for, given as seconds or as a date; None for nonsense."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text.lstrip("0")[:9] or 0)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, (date - now).total_seconds())
