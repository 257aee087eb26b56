"""New nodes as people type them: "8x H100 SXM,580.95". Pure."""

import re
from typing import Any

from bayplan.errors import Invalid

EXAMPLE = "8x H100 SXM,580.95"
_ADDED = re.compile(r"(?:(\d+)\s*[x×*]\s+|(\d+)[x×*])?(.+)", re.IGNORECASE | re.DOTALL | re.ASCII)
_NUMBER_ALONE = re.compile(r"\d+\s*[x×*]", re.IGNORECASE | re.ASCII)
_DRIVER = re.compile(r"(?:driver\s+)?(\d+(?:\.\d+)*)", re.IGNORECASE | re.ASCII)
_MOST_DIGITS = 18


def added_nodes(text: str) -> tuple[dict[str, Any], int]:
    """Gives the facts of the nodes, by the names that the API's `worker` has, and how many there are; raises `Invalid`."""
    parsed = _ADDED.fullmatch(text.strip())
    parts = [part.strip() for part in (parsed[3] if parsed else "").split(",")]
    number = (parsed[1] or parsed[2] or "1") if parsed else ""
    if not parts[0] or _NUMBER_ALONE.fullmatch(parts[0]) or len(parts) > 2 or len(number) > _MOST_DIGITS:
        raise Invalid(f"write how many, the GPU and its driver, like '{EXAMPLE}'.")
    worker: dict[str, Any] = {"gpu_name": parts[0], "architecture": "amd64"}
    if len(parts) > 1:
        driver = _DRIVER.fullmatch(parts[1])
        if driver is None:
            raise Invalid(f"{parts[1]!r} is no driver; write it after the comma, like 580.95.05.")
        worker["driver_version"] = driver[1]
    return worker, int(number)
