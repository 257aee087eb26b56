"""Moments as people type them in the fields of pages: how long ago, or a day with or without its time."""

from datetime import UTC, datetime, time, timedelta

from bayplan.clock import timestamp
from bayplan.domain.units import seconds
from bayplan.errors import Invalid

HINT = "7d, 12h or 2026-11-23 14:30 (UTC)."
_MOST_SECONDS = 3_650 * 86_400


def moment_typed(name: str, text: str, at: datetime, *, is_end: bool = False) -> str | None:
    """Gives the moment that a field means, None where it is empty; a day is its end where the field is one of the end.

    Raises `Invalid` at the field.
    """
    text = text.strip()
    if not text:
        return None
    try:
        passed_seconds = seconds(text)
    except Invalid:
        return timestamp(_day_or_time(name, text, is_end=is_end))
    if passed_seconds > _MOST_SECONDS:
        raise Invalid.at(name, "wrong_type", f"{text!r} is more than ten years: leave the field empty.")
    return timestamp(at - timedelta(seconds=passed_seconds))


def _day_or_time(name: str, text: str, *, is_end: bool) -> datetime:
    try:
        typed = datetime.fromisoformat(text.removesuffix("UTC").strip())
        if len(text) == len("2026-11-23") and is_end:
            typed = datetime.combine(typed, time.max)
        return (typed if typed.tzinfo is not None else typed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        detail = f"{text[:40]!r} is no time: type how long ago (90s, 15m, 12h, 7d), or a day (2026-11-23 or 2026-11-23 14:30, in UTC)."
        raise Invalid.at(name, "wrong_type", detail) from None
