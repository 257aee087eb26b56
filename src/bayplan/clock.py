"""The clock, and how a moment is written: RFC 3339 in UTC, of one width, so that texts of moments order as they do."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time; an argument of what waits, so that a test can move it."""


def utc_now() -> datetime:
    """Gives the time of this machine: the clock that everything but tests uses."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Gives the moment as every answer shows it and the store holds it: `2026-11-23T10:00:00.000000Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def now() -> str:
    """Gives the time, as answers show it."""
    return timestamp(utc_now())
