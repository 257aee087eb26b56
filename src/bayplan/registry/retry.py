"""When a request to a registry is retried, and when it is given up. Pure: nothing here waits.

Exponential backoff with full jitter, so that requests for many images of one registry do not retry in step. A
registry's Retry-After is obeyed, up to a limit.
"""

import datetime
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from bayplan.domain.backoff import Backoff

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_BACKOFF = Backoff(0.5, 20.0, jitter=1.0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is sent, and how long it waits before it is sent again."""

    attempts: int = 4
    backoff: Backoff = _BACKOFF

    def wait(self, attempt: int, retry_after_seconds: float | None, chance: float) -> float | None:
        """Seconds to wait after the `attempt`-th answer (from 1), or None to give up; `chance` is within 0 and 1.

        After a Retry-After the wait is that long, or up to a tenth longer. A Retry-After beyond the limit gives None.
        """
        if attempt >= self.attempts:
            return None
        if retry_after_seconds is not None:
            if retry_after_seconds > self.backoff.longest_seconds:
                return None
            return max(retry_after_seconds, self.backoff.wait_seconds(1, chance)) * (1 + 0.1 * chance)
        return self.backoff.wait_seconds(attempt, chance)


def retry_after(header: str | None, now: datetime.datetime) -> float | None:
    """The seconds that a Retry-After header asks for, in seconds or as a date; None for any other text."""
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
