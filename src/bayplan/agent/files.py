"""Reads the system's files within bounds: what is no regular file, or too large, is an error, and never makes the reader wait."""

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Any

MOST_BYTES = 1024**2
_MOST_NAMES = 4096


def text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Gives a file's text, with what is no UTF-8 marked in it; raises `OSError`, also for a pipe, a device, and a larger file."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no regular file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(0, f"it is larger than {most_bytes} bytes")
    return content.decode("utf-8", errors="replace")


def text_or_nothing(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Gives a file's text, and an empty one for a file that is not there or cannot be read."""
    try:
        return text(path, most_bytes)
    except (OSError, ValueError):
        return ""


def names(folder: Path) -> list[str]:
    """Gives the names in a folder, sorted; none for a folder that is not there or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, _MOST_NAMES))
    except (OSError, ValueError):
        return []


def is_missing(path: Path) -> bool:
    """Whether a path is surely not there, as is a name that no file can have; False where this user may not know."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def why(error: Exception) -> str:
    """Gives the reason of an error of reading, for a sentence."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def toml(text: str) -> dict[str, Any]:
    """Gives the tables of a text in TOML; raises `ValueError`."""
    from tomllib import loads  # here: few machines have such a file, and it takes long to load

    try:
        return loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
