"""The files of an embedded database: whether they are those that were opened, and look like a database at all.

SQLite keeps a file open that somebody removes or moves, and goes on writing into it: what is answered then is lost.
"""

import os
import struct
from pathlib import Path

from bayplan.db.database import DatabaseUnavailable, Outage
from bayplan.db.sqlite_errors import outage_of

# The first bytes of a log, by the order of bytes in its checksums; https://www.sqlite.org/fileformat2.html#walformat.
_LOG_MAGICS = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}
_LOG_HEAD_BYTES = 32
_LEAST_FREE_BYTES = 256 * 1024
Identity = tuple[int, int]


class DatabaseFiles:
    """A database file with its write-ahead log and that log's index: they exist as long as a connection that has read does."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._names = (path, f"{path}-wal", f"{path}-shm")
        self._opened: list[Identity | None] = []
        self._largest_bytes = 0

    @property
    def were_opened(self) -> bool:
        """Whether there was a connection to the database."""
        return bool(self._opened)

    def closed(self) -> None:
        """Forgets the log and its index: the last connection removes them, the next one makes new ones."""
        self._opened = self._opened[:1]

    def require_content(self) -> None:
        """Raises `DatabaseUnavailable` where there is no file, or one of no bytes."""
        if not self.path.is_file() or not self.path.stat().st_size:
            raise DatabaseUnavailable(
                f"The database file {self.path} was removed or moved: put it back, or stop the server and restore a backup.",
                Outage.REPLACED,
            )

    def check_same(self) -> None:
        """Raises `DatabaseUnavailable` where a file is gone, or is another than when this was called first."""
        if len(self._opened) < len(self._names):
            self._opened += [_identity(name) for name in self._names[len(self._opened) :]]
        for name, opened in zip(self._names, self._opened, strict=False):
            identity = _identity(name)
            if identity == opened or opened is None:
                continue
            if identity is None:
                raise DatabaseUnavailable(
                    f"The database file {name} was removed or moved while it was in use: put it back where it was, or "
                    "stop the server and restore a backup.",
                    Outage.REPLACED,
                )
            raise DatabaseUnavailable(
                f"The database file {name} was replaced while it was in use: stop the server, remove {self._names[1]} and "
                f"{self._names[2]}, which belong to the old one, and start it again.",
                Outage.REPLACED,
            )

    def check_size(self) -> None:
        """Raises `DatabaseUnavailable` where the file has lost its end, or its disk is full.

        It is not opened here: to close a file takes away the locks that SQLite has on it in the same process.
        """
        size_bytes = self.path.stat().st_size
        if size_bytes < self._largest_bytes:
            raise outage_of(
                Outage.DAMAGED, str(self.path), f"the file lacks its end: it had {self._largest_bytes:,} bytes"
            )
        self._largest_bytes = size_bytes
        disk = os.statvfs(self.path)
        if disk.f_bavail * disk.f_frsize < _LEAST_FREE_BYTES:
            raise outage_of(Outage.FULL, str(self.path), "no space is left")

    def check_log(self) -> None:
        """Raises `DatabaseUnavailable` for a write-ahead log that SQLite would pass over in silence, with the writes in it.

        A log of zeros is what a crash of the machine leaves before the first write.
        """
        log = Path(self._names[1])
        if not log.is_file():
            return
        with log.open("rb") as file:
            head = file.read(_LOG_HEAD_BYTES)
        if len(head) == _LOG_HEAD_BYTES and any(head) and not _is_log_head(head):
            raise DatabaseUnavailable(
                f"The write-ahead log {log} is damaged, and the last writes are in it: restore a backup of the database "
                "and remove the log, or move the log away to go on without those writes.",
                Outage.DAMAGED,
            )


def _is_log_head(head: bytes) -> bool:
    """Whether the head of a log has its magic number and its checksum."""
    order = _LOG_MAGICS.get(head[:4])
    if order is None:
        return False
    words = struct.unpack(f"{order}6I", head[:24])
    first = second = 0
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return (first, second) == struct.unpack(">2I", head[24:])


def _identity(name: str) -> Identity | None:
    try:
        status = os.stat(name)  # noqa: PTH116  # three for each write: a Path would take longer than the call
    except OSError:
        return None
    return status.st_dev, status.st_ino
