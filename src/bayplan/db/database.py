"""One interface over SQLite and PostgreSQL: reads, and writes that are one transaction each.

What uses the store sees `Database` and `Transaction` only.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql.base import Executable

from bayplan.db import tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.compiled import CompiledStatement
from bayplan.db.principal import Principal
from bayplan.errors import BayplanError

Rows = Sequence[Any]
"""Rows by position; those of a statement that is not a `CompiledStatement` also by name."""
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Made = TypeVar("Made")
ReferenceKey = tuple[str, int | str]
"""A resource, and the pk or the name that a reference to it has in a request."""

# Rows that are turned into an answer in the event loop; more go to a thread.
LOOP_ROWS = 300

READ_VERSION = CompiledStatement(sa.select(tables.catalogue.c.version))


class Outage(StrEnum):
    """Why a database cannot be used."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    READ_ONLY = "read_only"
    FULL = "full"
    DAMAGED = "damaged"
    REPLACED = "replaced"
    OTHER_SCHEMA = "other_schema"


# What whoever asked is told, and after how many seconds to ask again. The log has the rest: hosts, paths, users.
_PUBLIC: Mapping[Outage, tuple[str, int]] = {
    Outage.UNREACHABLE: ("The database does not answer: try again in a few seconds.", 2),
    Outage.BUSY: ("The database is busy, or locked by another program: try again in a few seconds.", 2),
    Outage.READ_ONLY: ("The database can be read but not written at present: try again later.", 10),
    Outage.FULL: ("The database has no room left, so nothing can be written: try again later.", 10),
    Outage.DAMAGED: ("The database is damaged: see the server's log.", 60),
    Outage.REPLACED: ("The database was moved or replaced: see the server's log.", 10),
    Outage.OTHER_SCHEMA: ("The database lacks tables or columns: see the server's log.", 60),
}


class DatabaseUnavailable(BayplanError):
    """The database did not answer, or not in time, or cannot be used; what was asked for was not done.

    `detail` is for the log and the terminal, and may name hosts and paths; `public_detail` is for whoever asks over HTTP.
    """

    code = "database_unavailable"

    def __init__(self, detail: str, outage: Outage = Outage.UNREACHABLE) -> None:
        super().__init__(detail)
        self.outage = outage

    @property
    def public_detail(self) -> str:
        """The sentence for whoever asked: without hosts, paths and users."""
        return _PUBLIC[self.outage][0]

    @property
    def retry_after_seconds(self) -> int:
        """After how long asking again may help."""
        return _PUBLIC[self.outage][1]


def version_in(rows: Rows) -> int:
    """Gives the catalogue's version from the rows of `READ_VERSION`; raises `DatabaseUnavailable` where there is none."""
    if not rows:
        raise DatabaseUnavailable(
            "The database's table catalogue has no row: stop the server and restore a backup.",
            Outage.OTHER_SCHEMA,
        )
    version = rows[0][0]
    if not isinstance(version, int):
        raise DatabaseUnavailable(
            "The database is damaged (catalogue.version is not a number): stop the server and restore a backup.",
            Outage.DAMAGED,
        )
    return version


class Transaction(Protocol):
    """A transaction that writes; `version` is the version of the catalogue that it makes (0 where it moves none).

    Whoever writes logs what they change: the entries are stored in the change log under that version. `author` is the
    name of the user or the worker that writes, None for the server itself.
    """

    version: int
    reference_version: int
    """The version at which a row that others refer to, a user's or a worker's too, was last written before this transaction."""
    author: str | None
    entries: list[ChangeEntry]
    names: dict[ReferenceKey, int]
    """The pks of references that were looked up and are still those, to be added to."""
    by_token: bool
    """Whether a program writes by a token of a user, who may send no registry's credentials elsewhere."""

    def log(self, entry: ChangeEntry) -> None:
        """Adds an entry to the change log."""
        ...

    async def fetch(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> Rows:
        """Runs a statement and gives the rows it returns."""
        ...

    async def execute(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> int:
        """Runs a statement and gives how many rows it changed."""
        ...


class Database(Protocol):
    """A database that holds the catalogue. Every method raises `DatabaseUnavailable` where it does not answer."""

    async def fetch(
        self, statement: Executable | CompiledStatement, then: Callable[[Rows], Made], parameters: Parameters = None
    ) -> Made:
        """Runs one query and gives what `then` makes of its rows; where they are many, in a thread."""
        ...

    async def version(self) -> int:
        """Gives the catalogue's version, which every write that changes an answer moves."""
        ...

    def write(
        self, *, moves: bool = True, by: Principal | None = None, is_long: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction: committed and safe on disk at the end of the block, rolled back by an exception.

        One that `moves` the version waits for the others that do, so what it has checked stays true until it commits. It
        leaves entries in the change log, in the name of who writes (`by`, None for the server itself). Raises `Unauthenticated`
        or `Forbidden` where their rights have ended since they were let in. Each statement has a deadline of a few seconds,
        and of minutes where the write `is_long`.
        """
        ...

    async def write_grouped(
        self, work: Callable[[Transaction], Awaitable[Made]], *, by: Principal | None = None
    ) -> Made:
        """Gives what `work` makes in a write that moves the version, when it is safe on disk; raises what `work` raises.

        Writes that wait at the same time share one transaction, each with its own savepoint and its own version: a failure
        of one takes back nothing of the others. For short writes: `work` waits for nothing but the database.
        """
        ...

    async def check(self, *, thorough: bool = False) -> int:
        """Gives the catalogue's version where the database can be read and written, and is not known to be damaged.

        It answers within five seconds. Where it is `thorough`, it writes, and looks for damage anew: after an outage.
        """
        ...

    async def check_values(self) -> None:
        """Raises `DatabaseUnavailable` where a column holds a value that bayplan did not write: it reads every row."""
        ...

    async def run_sync(self, work: Callable[[sa.Connection], Made]) -> Made:
        """Gives what `work` makes with a plain connection in one transaction: for migrations."""
        ...

    async def close(self) -> None:
        """Ends all connections."""
        ...


async def fetch_all(database: Database, statement: Executable, parameters: Parameters = None) -> Rows:
    """Runs one query and gives its rows."""
    return await database.fetch(statement, lambda rows: rows, parameters)
