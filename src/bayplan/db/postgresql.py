"""The database of a fleet: PostgreSQL through psycopg's asynchronous driver and a pool, shared by many server processes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.sql.base import Executable

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import (
    LOOP_ROWS,
    DatabaseUnavailable,
    Made,
    Outage,
    Parameters,
    Rows,
    Transaction,
)
from bayplan.db.grouped_writes import GroupedWrites
from bayplan.db.postgresql_reads import (
    CONNECT_TIMEOUT_SECONDS,
    POOL_TIMEOUT_SECONDS,
    READ_FAILURES,
    ReadConnections,
    SharedVersion,
)
from bayplan.db.principal import Principal
from bayplan.db.rights import require_rights
from bayplan.db.versioned import ReferenceNames, VersionLog, move_version, store_entries
from bayplan.errors import CannotStart

MIGRATION_LOCK = 0x62617970  # "bayp", so that it is nobody else's
_UNAVAILABLE = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


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
        self._names = ReferenceNames()
        self._groups = GroupedWrites(self._transaction, self._names, lambda error: isinstance(error, _UNAVAILABLE))
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
    async def write(self, *, moves: bool = True, by: Principal | None = None) -> AsyncGenerator[Transaction]:
        """See `Database.write`."""
        async with self._transaction(in_line=moves) as group:
            tx = group.part(None if by is None else by.name)
            if moves:
                await move_version(tx, self._names)
            if by is not None:
                await require_rights(tx, by)
            yield tx
            await store_entries(tx)

    async def write_grouped(
        self, work: Callable[[Transaction], Awaitable[Made]], *, by: Principal | None = None
    ) -> Made:
        """See `Database.write_grouped`."""
        return await self._groups.write(work, by)

    @asynccontextmanager
    async def _transaction(self, *, in_line: bool = True) -> "AsyncGenerator[_PostgresGroup]":
        try:
            async with self._writing if in_line else nullcontext(), self._engine.begin() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert isinstance(driver, psycopg.AsyncConnection)
                yield _PostgresGroup(connection, driver)
        except BaseException as error:
            if in_line:
                self._names.forget()
            if isinstance(error, _UNAVAILABLE):
                raise self._unavailable(error) from error
            raise

    async def check(self, *, thorough: bool = False) -> int:  # noqa: ARG002  # what is checked is the same
        """See `Database.check`."""
        version = await self.version()
        state = sa.text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
        if (await self.fetch(state, lambda rows: rows))[0][0]:
            raise DatabaseUnavailable(f"The database at {self._place} can be read and not written.", Outage.READ_ONLY)
        return version

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
        await self._groups.close()
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


class _PostgresGroup:
    """The transaction of a connection, and what each write in it sees."""

    def __init__(self, connection: AsyncConnection, driver: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._driver = driver

    def part(self, author: str | None) -> Transaction:
        return _PostgresTransaction(author, connection=self._connection, driver=self._driver)

    async def control(self, sql: str) -> None:
        await self._driver.execute(sql.encode())


@dataclass(slots=True, kw_only=True)
class _PostgresTransaction(VersionLog):
    connection: AsyncConnection
    driver: psycopg.AsyncConnection[Any]

    async def fetch(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> Rows:
        if isinstance(statement, CompiledStatement):
            return await (await self._run(statement, parameters)).fetchall()
        return (await self.connection.execute(statement, parameters)).fetchall()

    async def execute(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> int:
        if isinstance(statement, CompiledStatement):
            return (await self._run(statement, parameters)).rowcount
        return (await self.connection.execute(statement, parameters)).rowcount

    async def _run(self, statement: CompiledStatement, parameters: Parameters) -> psycopg.AsyncCursor[Any]:
        sql, _, fixed = statement.for_driver(self.connection.dialect)
        cursor = self.driver.cursor()
        if parameters is None or isinstance(parameters, Mapping):
            return await cursor.execute(sql.encode(), {**fixed, **parameters} if parameters else fixed)
        await cursor.executemany(sql.encode(), parameters)
        return cursor
