"""Inspections that were made before, kept in a folder by reference and digest.

What a digest names never changes. Documents that are attached to it may, and so may what bayplan reads of them: an entry is
good for some days, and for one version of bayplan. Several processes may use the folder at once: an entry is replaced as a
whole. One that is damaged is not there, and a folder that cannot be used keeps nothing.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bayplan import __version__
from bayplan.clock import Clock, timestamp, utc_now
from bayplan.domain.reference import Reference

Content = dict[str, Any]
"""An inspection as the API answers it, without contradictions."""

GOOD_FOR = timedelta(days=7)
MOST_ENTRIES = 1_000
MOST_ENTRY_BYTES = 2 * 1024 * 1024
MOST_BYTES = 64 * 1024 * 1024
_FORMAT = f"1 {__version__}"
_ENTRY, _POINTER = ".json", ".digest"
_KEPT_SHARE = 0.75


class InspectionCache:
    """The entries in a folder; without one there are none."""

    def __init__(self, folder: Path | None, clock: Clock = utc_now) -> None:
        self._folder, self._clock = folder, clock

    def get(self, reference: Reference, digest: str) -> Content | None:
        """The inspection of the image that the reference pointed to with that digest; None where it is not kept, or too old."""
        content = self._read(reference, digest)
        if content is None:
            return None
        now = self._clock()
        return content if timestamp(now - GOOD_FOR) < str(content.get("checked")) <= timestamp(now) else None

    def latest(self, reference: Reference) -> Content | None:
        """The inspection of that reference which was kept last, however old it is."""
        digest = reference.digest or (self._bytes(_key(str(_tagged(reference)), _POINTER)) or b"").decode(
            "ascii", "replace"
        )
        return self._read(reference, digest) if digest else None

    def put(self, reference: Reference, content: Content) -> None:
        """Keeps an inspection; one that is too large, or cannot be written, is not kept."""
        if self._folder is None:
            return
        body = json.dumps(content).encode()
        if len(body) > MOST_ENTRY_BYTES:
            return
        digest = str(content["digest"])
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(_key(_name(reference, digest), _ENTRY), f"{_checksum(body)}\n".encode() + body)
            if reference.digest is None:
                self._write(_key(str(_tagged(reference)), _POINTER), digest.encode())
            self._prune()

    def _read(self, reference: Reference, digest: str) -> Content | None:
        data = self._bytes(_key(_name(reference, digest), _ENTRY))
        if data is None:
            return None
        checksum, _, body = data.partition(b"\n")
        if checksum.decode("ascii", "replace") != _checksum(body):
            return None
        content: Content = json.loads(body)  # it is as it was written
        return content

    def _bytes(self, name: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(MOST_ENTRY_BYTES + 1024)
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        assert self._folder is not None
        number, path = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
            Path(path).replace(self._folder / name)
        except OSError:
            Path(path).unlink(missing_ok=True)
            raise

    def _prune(self) -> None:
        """Removes the oldest files where there are too many, or too many bytes."""
        files = sorted(self._files())
        size_bytes = sum(size for _, size, _ in files)
        if len(files) <= MOST_ENTRIES and size_bytes <= MOST_BYTES:
            return
        number = len(files)
        for _, size, path in files:
            if number <= MOST_ENTRIES * _KEPT_SHARE and size_bytes <= MOST_BYTES * _KEPT_SHARE:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
            number, size_bytes = number - 1, size_bytes - size

    def _files(self) -> Iterator[tuple[int, int, str]]:
        assert self._folder is not None
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process removes too
                    stat = entry.stat(follow_symlinks=False)
                    yield stat.st_mtime_ns, stat.st_size, entry.path


def _tagged(reference: Reference) -> Reference:
    return replace(reference, digest=None)


def _name(reference: Reference, digest: str) -> str:
    """What an entry is kept under: facts are read from the image's name, too."""
    named = f"{reference.registry}/{reference.repository}:{reference.tag or ''}"
    return f"{named}@{digest}"


def _key(name: str, kind: str) -> str:
    return hashlib.sha256(f"{_FORMAT} {name}".encode()).hexdigest() + kind


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
