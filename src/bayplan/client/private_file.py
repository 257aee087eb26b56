"""JSON files in the user's configuration folder, which nobody else may change, and for sessions also not read.

As ssh has it: a configuration that others can write may send passwords to their server, so it is refused (`ssh_config(5)`),
and so is a secret that others can read (`ssh(1)`, ~/.ssh/id_rsa).
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from bayplan.errors import Invalid


def read(path: Path, remedy: str, *, is_secret: bool) -> dict[str, Any]:
    """Gives the object in the file, empty where there is no file.

    Raises `Invalid`, with the remedy, where it cannot be read, and where other users could have written it; a file that
    `is_secret` also where they could read it.
    """
    try:
        with path.open("rb") as file:
            _require_private(path, os.fstat(file.fileno()), is_secret=is_secret)
            entries = json.loads(file.read())
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise Invalid(f"{path} belongs to another user, or its mode lets nobody read it; {remedy}.") from None
    except (OSError, ValueError, RecursionError):
        raise unreadable(path, remedy) from None
    if not isinstance(entries, dict):
        raise unreadable(path, remedy)
    return entries


def _require_private(path: Path, status: os.stat_result, *, is_secret: bool) -> None:
    if os.name == "nt":  # modes say nothing there
        return
    if status.st_uid not in (os.getuid(), 0):
        raise Invalid(f"{path} belongs to another user, who could name a server of their own in it; remove it.")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Invalid(f"Other users can change {path}, and name a server of their own in it: run `chmod 600 {path}`.")
    if is_secret and status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise Invalid(
            f"Other users can read {path}, which has your sessions: run `chmod 600 {path}`, and log in again if somebody "
            "may have read it."
        )


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
