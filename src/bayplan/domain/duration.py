"""How long something takes, as people write it: one way for options of the command line and for settings."""

import re

from bayplan.errors import Invalid

_DURATION = re.compile(r"(\d{1,9})\s*([smhd]?)", re.IGNORECASE | re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """Gives the seconds that "90", "90s", "15m", "12h" or "7d" stands for; raises `Invalid`."""
    parts = _DURATION.fullmatch(text.strip())
    if parts is None:
        raise Invalid(f"{text!r} is no duration; write it like 90s, 15m, 12h or 7d.")
    return int(parts.group(1)) * _SECONDS[parts.group(2).lower()]
