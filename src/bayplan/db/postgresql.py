"""The database of a fleet: PostgreSQL through psycopg's asynchronous driver and a pool, shared by many server processes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.sql.base import Executable

from bayplan.db.change_entry import ChangeEntry
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import (
    LOOP_ROWS,
    MOVE_VERSION,
    DatabaseUnavailable,
    Made,
    Parameters,
    Rows,
    Transaction,
    store_entries,
)
from bayplan.db.postgresql_reads import (
    CONNECT_TIMEOUT_SECONDS,
    POOL_TIMEOUT_SECONDS,
    READ_FAILURES,
    ReadConnections,
    SharedVersion,
)
from bayplan.errors import CannotStart

MIGRATION_LOCK = 0x62617970  # "bayp", so that it is nobody else's
_UNAVAILABLE = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class PostgresDatabase:
    """A catalogue in a PostgreSQL database, through at most `connections` connections, but at least three."""

    def __init__(self, url: str, *, connections: int) -> None:
        parsed = _parsed(url)
        self._place = f"{parsed.host or 'local socket'}/{parsed.database}"
        compiled = max(1, (connections - 1) // 3)
        self._engine = create_async_engine(
            parsed,
            pool_size=max(1, connections - 1 - compiled),
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS},
            hide_parameters=True,  # they hold secrets, and errors are logged
        )
        self._compiled = ReadConnections(parsed, self._engine.dialect, most=compiled)
        self._version = SharedVersion(ReadConnections(parsed, self._engine.dialect, most=1), self._unavailable)
        # Writers wait for each other here and not in the database, where each would hold a connection that readers need.
        self._writing = asyncio.Lock()
        # A read is one statement: its own transaction would only cost two more ways to the server and back.
        self._readers = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def fetch(
        self, statement: Executable | CompiledStatement, then: Callable[[Rows], Made], parameters: Parameters = None
    ) -> Made:
        """See `Database.fetch`."""
        try:
            if isinstance(statement, CompiledStatement):
                assert parameters is None or isinstance(parameters, Mapping)
                rows = await self._compiled.fetch(statement, parameters)
            else:
                async with self._readers.connect() as connection:
                    rows = (await connection.execute(statement, parameters)).fetchall()
        except (*_UNAVAILABLE, *READ_FAILURES) as error:
            raise self._unavailable(error) from error
        return then(rows) if len(rows) <= LOOP_ROWS else await asyncio.to_thread(then, rows)

    async def version(self) -> int:
        """See `Database.version`."""
        return await self._version.read()

    @asynccontextmanager
    async def write(self, *, moves: bool = True, by: str | None = None) -> AsyncGenerator[Transaction]:
        """See `Database.write`."""
        try:
            async with self._writing if moves else nullcontext(), self._engine.begin() as connection:
                tx = _PostgresTransaction(connection, by)
                if moves:
                    tx.version, tx.reference_version = (await connection.execute(MOVE_VERSION)).one()
                yield tx
                if tx.version:
                    await store_entries(tx)
        except _UNAVAILABLE as error:
            raise self._unavailable(error) from error

    async def run_sync(self, work: Callable[[sa.Connection], Made]) -> Made:
        """See `Database.run_sync`."""
        try:
            async with self._engine.begin() as connection:
                # Server processes that start at once migrate one after the other.
                await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                return await connection.run_sync(work)
        except _UNAVAILABLE as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """See `Database.close`."""
        await self._version.close()
        await self._compiled.close()
        await self._engine.dispose()

    def _unavailable(self, error: Exception) -> DatabaseUnavailable:
        reason = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
        reason = (reason.strip() or "no connection is free").splitlines()[0]
        return DatabaseUnavailable(f"The database at {self._place} cannot be used: {reason}.")


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        rendered = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        make_conninfo(rendered.replace(" ", "%20"))  # which SQLAlchemy leaves bare, and libpq does not take
    except (ValueError, sa.exc.ArgumentError, psycopg.ProgrammingError):  # whose words may hold the password
        raise CannotStart(
            "BAYPLAN_DATABASE is not the address of a database: write postgresql://user:password@host:port/name, "
            "with %40 for '@' and the like in the password."
        ) from None
    return parsed.set(drivername="postgresql+psycopg")


class _PostgresTransaction:
    def __init__(self, connection: AsyncConnection, author: str | None) -> None:
        self._connection = connection
        self.version = 0
        self.reference_version = 0
        self.author = author
        self.entries: list[ChangeEntry] = []

    async def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        return (await self._connection.execute(statement, parameters)).fetchall()

    async def execute(self, statement: Executable, parameters: Parameters = None) -> int:
        return (await self._connection.execute(statement, parameters)).rowcount
