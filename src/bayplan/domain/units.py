"""Numbers and amounts of time and of bytes as people write and read them: in options, settings and output."""

import re

from bayplan.errors import Invalid

_DURATION = re.compile(r"(\d{1,9})\s*([smhd]?)", re.IGNORECASE | re.ASCII)
_PASSED = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_SIZES = (("GB", 10**9, 1), ("MB", 10**6, 1), ("kB", 10**3, 0))
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """Gives the seconds that "90", "90s", "15m", "12h" or "7d" stands for; raises `Invalid`."""
    parts = _DURATION.fullmatch(text.strip())
    if parts is None:
        raise Invalid(f"{text!r} is not a duration: write it like 90s, 15m, 12h or 7d.")
    return int(parts.group(1)) * _SECONDS[parts.group(2).lower()]


def count(number: int, noun: str, plural: str = "") -> str:
    """Gives a number with its noun: "1 image", "2 images", "3 entries"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def ago(passed_seconds: float) -> str:
    """Gives how long ago something was: "3 minutes ago"."""
    for unit, unit_seconds in _PASSED:
        if passed_seconds >= unit_seconds:
            number = int(passed_seconds // unit_seconds)
            return f"{number:,} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def size(size_bytes: int) -> str:
    """Gives a size in GB, MB or kB, of 1000, as disks and registries count."""
    for unit, unit_bytes, decimals in _SIZES:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.{decimals}f} {unit}"
    return f"{size_bytes} bytes"


def memory(size_bytes: int) -> str:
    """Gives the size of a memory in GiB, of 1024, as its makers count."""
    return f"{size_bytes / 1024**3:.0f} GiB"
