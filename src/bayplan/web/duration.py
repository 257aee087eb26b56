"""Durations as people type them in the fields of pages."""

from bayplan.domain.units import seconds
from bayplan.errors import Invalid


def duration_typed(name: str, text: str) -> int | None:
    """Gives the seconds that a field means, None where it is empty; raises `Invalid` at the field."""
    if not text:
        return None
    try:
        duration_seconds = seconds(text)
    except Invalid:
        duration_seconds = 0
    if duration_seconds == 0:
        raise Invalid.at(name, "wrong_type", f"{text[:40]!r} is no duration: type it like 90s, 15m, 12h or 7d.")
    return duration_seconds
