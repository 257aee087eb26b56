"""What SQLite's errors mean: for each the kind of outage, what is wrong, and what to do."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from bayplan.db.database import DatabaseUnavailable, Outage

Errors = tuple[type[Exception], ...]
DRIVER_ERRORS: Errors = (sa.exc.DBAPIError, sqlite3.Error)
"""What a statement may raise; `is_outage` tells those apart that are the database's."""

_PRIMARY = 0xFF  # of an extended code
# Codes of a write that the disk does not take: SQLite has "full" only for the plainest of them.
_DISK = frozenset(
    (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
    )
)
_OUTAGES: Mapping[int, Outage] = {
    sqlite3.SQLITE_BUSY: Outage.BUSY,
    sqlite3.SQLITE_LOCKED: Outage.BUSY,
    sqlite3.SQLITE_READONLY: Outage.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Outage.DAMAGED,
    sqlite3.SQLITE_NOTADB: Outage.DAMAGED,
}
_BACKUP = "stop the server and restore a backup"
_SENTENCES: Mapping[Outage, str] = {
    Outage.BUSY: "The database {path} is locked by another program ({reason}): end that program ('fuser -v {path}' names it).",
    Outage.READ_ONLY: (
        "The database {path} can be read but not written ({reason}): give the user of the server the right to write the "
        "file and its folder."
    ),
    Outage.FULL: (
        "The database {path} cannot be written, because its disk is full or fails ({reason}): free space on that disk."
    ),
    Outage.DAMAGED: "The database {path} is damaged ({reason}): 'bayplan check-database' says where; " + _BACKUP + ".",
    Outage.OTHER_SCHEMA: "The database {path} was changed by another program ({reason}): " + _BACKUP + ".",
    Outage.UNREACHABLE: "The database file {path} cannot be used: {reason}.",
}


def is_outage(error: BaseException) -> bool:
    """Whether the error says that the database cannot be used; one that refuses a value, or a mistake of ours, does not."""
    driver = _driver_error(error)
    refusals = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)
    return isinstance(driver, sqlite3.DatabaseError) and not isinstance(driver, refusals)


def is_interrupt(error: BaseException) -> bool:
    """Whether the statement was stopped because it took too long."""
    return _code(_driver_error(error)) == sqlite3.SQLITE_INTERRUPT


def is_busy(error: BaseException) -> bool:
    """Whether another connection has the lock."""
    return _code(_driver_error(error)) & _PRIMARY in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def unavailable(error: BaseException, path: str) -> DatabaseUnavailable:
    """Gives the error for people: what is wrong with the database at `path`, and what to do."""
    driver = _driver_error(error)
    outage, reason = _outage(driver), _reason(driver)
    if _code(driver) & _PRIMARY == sqlite3.SQLITE_NOTADB:
        reason = "the file is not a SQLite database, or is encrypted"
    elif _code(driver) & _PRIMARY == sqlite3.SQLITE_CANTOPEN:
        reason = _why_not_opened(Path(path)) or reason
    return outage_of(outage, path, reason)


def outage_of(outage: Outage, path: str, reason: str) -> DatabaseUnavailable:
    """Gives the error for an outage of the database at `path`."""
    return DatabaseUnavailable(_SENTENCES[outage].format(path=path, reason=reason), outage)


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def _code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0)


def _outage(driver: BaseException) -> Outage:
    code, reason = _code(driver), str(driver)
    if code in _DISK:
        return Outage.FULL
    if code == sqlite3.SQLITE_IOERR_SHORT_READ or reason.startswith(("Could not decode", "unsupported file format")):
        return Outage.DAMAGED
    if reason.startswith("no such ") or "has no column" in reason:
        return Outage.OTHER_SCHEMA
    return _OUTAGES.get(code & _PRIMARY, Outage.UNREACHABLE)


def _reason(driver: BaseException) -> str:
    if isinstance(driver, OSError):
        return driver.strerror or str(driver)
    if str(driver).startswith("Could not decode"):
        return "a stored text cannot be decoded"
    # Of a damaged database, names may be anything.
    return "".join(letter if " " <= letter <= "~" else "?" for letter in str(driver)[:200])


def _why_not_opened(path: Path) -> str | None:
    """What keeps the file from being opened, None where nothing is seen."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    for place in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if place.is_dir():
            return f"{place.name} is a folder"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"the user of the server may not write in the folder {path.parent}, where SQLite keeps its log"
    if not path.exists():
        return "it was removed or moved"
    if not os.access(path, os.R_OK):
        return "the user of the server may not read it"
    return None
