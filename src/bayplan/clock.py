"""The clock, and how a moment is written: RFC 3339 in UTC, of one width, so that texts of moments order as they do."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the time; an argument of what waits, so that a test can move it."""


def utc_now() -> datetime:
    """Gives the time of this machine: the clock that everything but tests uses."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Gives the moment as every answer shows it and the store holds it: `2026-11-23T10:00:00.000000Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


MOST_JUMP = timedelta(days=1)


class SteadyClock:
    """The clock for what is removed by its age: a clock that jumps forward moves it by a day at most, beside the time that passed.

    What was removed is gone, and a clock may be put right again. Once it is, or was late at the start, a new start helps.
    """

    def __init__(self, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._begun, self._begun_seconds = clock(), monotonic()

    def __call__(self) -> datetime:
        """Gives the time."""
        passed = timedelta(seconds=self._monotonic() - self._begun_seconds)
        return min(self._clock(), self._begun + passed + MOST_JUMP)


def now() -> str:
    """Gives the time, as answers show it."""
    return timestamp(utc_now())
