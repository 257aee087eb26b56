"""The texts of catalogue files: of files, of folders with all that is below them, and of standard input.

Of a folder the files are read in the order of their paths. What begins with a dot is passed over (`.git`), and a folder that a link leads
to is read once, so that links in a circle end.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from bayplan.domain.units import size
from bayplan.errors import Invalid

SUFFIXES = (".yaml", ".yml", ".json")
MOST_BYTES = 250_000_000
"""Of all files together: several times what a server takes, so that a device or a disk image does not fill the memory."""
STDIN = "<stdin>"


def paths(names: Sequence[str]) -> Iterator[str]:
    """Gives the path of each file that the names stand for, `-` for standard input; what is named twice, once.

    Raises `Invalid` for a folder that cannot be read, or has no such file.
    """
    seen = set[str]()
    for name in names:
        for path in _files(name):
            real = path if path == "-" else os.path.realpath(path)  # not of Path, which fails at links in a circle
            if real not in seen:
                seen.add(real)
                yield path


class FileReader:
    """Reads files as long as there are not too many bytes in all of them together."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._left_bytes = most_bytes

    def text(self, path: str) -> tuple[str, str]:
        """Gives a file's name for error messages, and its text. Raises `Invalid` where it cannot be read."""
        name = STDIN if path == "-" else path
        raw = _read(path, name, self._left_bytes + 1)
        if len(raw) > self._left_bytes:
            all_together = "" if self._left_bytes == self._most_bytes else ", together with the files before it,"
            raise Invalid(
                f"{name}: This file{all_together} has more than {size(self._most_bytes)}, as no catalogue has."
            )
        self._left_bytes -= len(raw)
        return name, _decoded(name, raw)


def _files(name: str) -> list[str]:
    if not name:
        raise Invalid("An empty name is no file; for the folder that you are in, write a dot.")
    if name == "-" or not Path(name).is_dir():
        return [name]
    below = _below(Path(name))
    if not below:
        *others, last = (f"*{suffix}" for suffix in SUFFIXES)
        raise Invalid(f"The folder {name} has no file {', '.join(others)} or {last}.")
    return below


def _below(folder: Path) -> list[str]:
    """The paths of the catalogue files in a folder and in those below it."""
    below: list[Path] = []
    entered = {os.path.realpath(folder)}

    def refused(error: OSError) -> None:
        raise Invalid(f"The folder {error.filename} cannot be read: {error.strerror}.")

    for here, folders, files in os.walk(folder, onerror=refused, followlinks=True):
        kept = []
        for name in sorted(folders):
            real = os.path.realpath(Path(here, name))
            if not name.startswith(".") and real not in entered:
                entered.add(real)
                kept.append(name)
        folders[:] = kept
        below += [Path(here, name) for name in files if name.endswith(SUFFIXES) and not name.startswith(".")]
    for path in below:
        if path.exists() and not path.is_file():  # a pipe, which may never end
            raise Invalid(f"{path} is no file.")
    return [str(path) for path in sorted(below)]


def _read(path: str, name: str, most_bytes: int) -> bytes:
    """As many bytes of a file, or of standard input, as there may be."""

    def read(stream: BinaryIO) -> bytes:
        parts = []
        left = most_bytes
        while left > 0 and (part := stream.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    try:
        if path == "-":
            return read(sys.stdin.buffer)
        with Path(path).open("rb") as file:
            return read(file)
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror}.") from None


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Invalid(f"{name}:{line}: This is not UTF-8; save the file as UTF-8.") from None
