"""JSON files in the user's configuration folder, which nobody else may read: sessions, contexts."""

import json
import os
from pathlib import Path
from typing import Any

from bayplan.errors import Invalid


def read(path: Path, remedy: str) -> dict[str, Any]:
    """Gives the object in the file, empty where there is no file. Raises `Invalid`, with the remedy, where it cannot be read."""
    try:
        entries = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        raise unreadable(path, remedy) from None
    if not isinstance(entries, dict):
        raise unreadable(path, remedy)
    return entries


def unreadable(path: Path, remedy: str) -> Invalid:
    """The error for a file that is not as bayplan writes it."""
    return Invalid(f"{path} cannot be read; {remedy}.")


def write(path: Path, entries: dict[str, Any], noun: str) -> None:
    """Writes the file whole or not at all; from its first byte only its owner can read it. Raises `Invalid`."""
    import tempfile  # here: most commands write none

    text = json.dumps(entries, indent=2)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as error:
        raise Invalid(f"The {noun} cannot be stored in {path.parent}: {error.strerror}.") from None
