"""The database of a fleet: PostgreSQL through psycopg's asynchronous driver and a pool, shared by many server processes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
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
from bayplan.db.postgresql_address import parse_address
from bayplan.db.postgresql_availability import FAILURES, Availability, ConnectionSlots
from bayplan.db.postgresql_connection import SILENCE_SECONDS, Connector, PostgresConnection, is_broken
from bayplan.db.postgresql_pool import ConnectionPool
from bayplan.db.postgresql_reads import ReadConnections, SharedVersion
from bayplan.db.principal import Principal
from bayplan.db.rights import require_rights
from bayplan.db.versioned import ReferenceNames, VersionLog, move_version, store_entries

MIGRATION_LOCK = 0x62617970  # "bayp", so that it is nobody else's
LINE_SECONDS = 20.0
"""How long a write waits for those before it, in this process and in others."""
LOST_LINE_SECONDS = 1.0
"""The same, where a backend that fell silent in the middle of a write may still lock the line."""
LONG_SECONDS = 600.0
"""How long one statement of a write that is long may take: an import of 100,000 rows has some."""
_FATAL = (
    DatabaseUnavailable,
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


class PostgresDatabase:
    """A catalogue in a PostgreSQL database, through at most `connections` connections, but at least three."""

    def __init__(self, url: str, *, connections: int) -> None:
        connector = self._connector = Connector(parse_address(url))
        self._availability = Availability(connector)
        self._connections = ConnectionPool(connector, self._availability, max(connections, 3))
        compiled = max(1, (connections - 1) // 3)
        others = max(1, connections - 1 - compiled)
        self._engine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connections.take,
            poolclass=sa.NullPool,  # what it closes goes back to the pool of all
            isolation_level="AUTOCOMMIT",  # transactions begin with words of their own
            pool_reset_on_return=None,
            use_native_hstore=False,
            hide_parameters=True,  # they hold secrets, and errors are logged
        )
        self._slots = ConnectionSlots(self._availability, others)

        def reads(most: int) -> ReadConnections:
            return ReadConnections(self._connections, self._availability, connector, self._engine.dialect, most)

        self._compiled, self._version = reads(compiled), SharedVersion(reads(1))
        # Writers wait for each other here and not in the database, where each would hold a connection that readers need.
        self._writing = asyncio.Lock()
        self._is_line_lost = False
        self._names = ReferenceNames()
        self._groups = GroupedWrites(self._transaction, self._names, lambda error: isinstance(error, _FATAL))

    async def fetch(
        self, statement: Executable | CompiledStatement, then: Callable[[Rows], Made], parameters: Parameters = None
    ) -> Made:
        """See `Database.fetch`."""
        if isinstance(statement, CompiledStatement):
            assert parameters is None or isinstance(parameters, Mapping)
            rows = await self._compiled.fetch(statement, parameters)
        else:
            rows = await self._fetch(statement, parameters)
        return then(rows) if len(rows) <= LOOP_ROWS else await asyncio.to_thread(then, rows)

    async def _fetch(self, statement: Executable, parameters: Parameters) -> Rows:
        async with self._connected() as connection:
            try:
                return (await connection.execute(statement, parameters)).fetchall()
            except sa.exc.DBAPIError as error:
                if not (isinstance(error.orig, psycopg.OperationalError) and is_broken(error.orig)):
                    raise
                self._connector.renew()
            # SQLAlchemy would not use this connection again before a rollback.
        async with self._connected() as connection:
            return (await connection.execute(statement, parameters)).fetchall()

    async def version(self) -> int:
        """See `Database.version`."""
        return await self._version.read()

    @asynccontextmanager
    async def write(
        self, *, moves: bool = True, by: Principal | None = None, is_long: bool = False
    ) -> AsyncGenerator[Transaction]:
        """See `Database.write`."""
        async with self._transaction(in_line=moves, is_long=is_long) as group:
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
    async def _transaction(self, *, in_line: bool = True, is_long: bool = False) -> "AsyncGenerator[_PostgresGroup]":
        async with self._line() if in_line else nullcontext(), self._connected(writes=True) as connection:
            driver = None
            try:
                driver = await (self._begin_in_line if in_line else self._begin)(connection, is_long=is_long)
                yield _PostgresGroup(connection, driver)
                await self._commit(driver)
            except BaseException:
                if in_line:
                    self._names.forget()
                    self._is_line_lost |= driver is not None and driver.closed
                raise

    @asynccontextmanager
    async def _connected(self, *, writes: bool = False) -> AsyncGenerator[AsyncConnection]:
        """A connection outside of a transaction, which is rolled back and checked at the end."""
        async with self._slots:
            try:
                await self._availability.require(writes=writes)
                async with self._engine.connect() as connection:
                    try:
                        yield connection
                    finally:
                        await _end(connection)
            except FAILURES as error:
                failure = self._availability.failure(error)
                if failure is None:
                    raise
                raise failure from error

    @asynccontextmanager
    async def _line(self) -> AsyncGenerator[None]:
        await self._availability.require(writes=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(LINE_SECONDS):
                await self._writing.acquire()
        except TimeoutError:
            raise self._line_is_long() from None
        try:
            if self._is_line_lost and loop.time() - began > LOST_LINE_SECONDS:
                raise self._lost_line()
            yield
        finally:
            self._writing.release()

    async def _begin_in_line(self, connection: AsyncConnection, *, is_long: bool) -> PostgresConnection:
        """Begins the transaction that may move the version, once those of other processes have ended."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + LINE_SECONDS
        while True:
            try:
                locks = _take_line(LOST_LINE_SECONDS if self._is_line_lost else 2.0)
                driver = await self._begin(connection, is_long=is_long, locks=locks)
                self._is_line_lost = False
                return driver
            except psycopg.errors.LockNotAvailable:
                if self._is_line_lost:
                    raise self._lost_line() from None
                if loop.time() > ends:
                    raise self._line_is_long() from None
                await (await _driver(connection)).rollback()

    async def _begin(self, connection: AsyncConnection, *, is_long: bool, locks: bytes = b"") -> PostgresConnection:
        """Begins a transaction, on another connection where this one turns out broken."""
        sql = _begin_sql(LONG_SECONDS if is_long else SILENCE_SECONDS) + locks
        driver = await _driver(connection)
        try:
            await driver.execute(sql, prepare=False)
        except psycopg.OperationalError as error:
            if not is_broken(error):
                raise
            self._connector.renew()
            await connection.invalidate()
            driver = await _driver(connection)
            await driver.execute(sql, prepare=False)
        if is_long:
            driver.silence_seconds = LONG_SECONDS
        return driver

    async def _commit(self, driver: PostgresConnection) -> None:
        try:
            await driver.commit()
        except psycopg.OperationalError as error:
            failure = self._availability.failure(error)
            assert failure is not None
            detail = f"{failure.detail} This happened at the end of a change, which may have been stored."
            raise DatabaseUnavailable(detail, failure.outage) from error

    def _line_is_long(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"Other changes have taken more than {LINE_SECONDS:g} seconds.", Outage.BUSY)

    def _lost_line(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            "A connection went silent in the middle of a change, and its lock stops other changes."
        )

    async def check(self, *, thorough: bool = False) -> int:  # noqa: ARG002  # what is checked is the same
        """See `Database.check`."""
        version, ((is_read_only,),) = await asyncio.gather(self.version(), self._compiled.fetch(_IS_READ_ONLY))
        if is_read_only:
            raise self._availability.turned_read_only()
        await self._availability.require(writes=True)
        return version

    async def check_values(self) -> None:
        """See `Database.check_values`: the types of PostgreSQL's columns take no others."""

    async def run_sync(self, work: Callable[[sa.Connection], Made]) -> Made:
        """See `Database.run_sync`."""
        async with self._connected() as connection:
            driver = await self._begin(connection, is_long=True)
            driver.silence_seconds = None  # a migration takes as long as it takes
            # Server processes that start at once migrate one after the other.
            await driver.execute(_MIGRATION_BEGIN, prepare=False)
            async with connection.begin():
                return await connection.run_sync(work)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._groups.close()
        await self._availability.close()
        await self._version.close()
        await self._connections.close()


_MIGRATION_BEGIN = (
    b"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    b"SET LOCAL quote_all_identifiers = off; "  # SQLAlchemy reads the names of types
    b"SELECT pg_advisory_xact_lock(%d)" % MIGRATION_LOCK
)
_IS_READ_ONLY = CompiledStatement(
    sa.select(sa.func.current_setting(sa.literal_column("'transaction_read_only'")) == sa.literal_column("'on'"))
)


def _begin_sql(statement_seconds: float) -> bytes:
    """What begins a transaction, whatever the database or the role has as its default.

    It holds behind a pooler, too, where a session's settings would be those of others. That a database is read-only by
    default is left as it is: somebody wants nothing to be written.
    """
    return (
        f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '{statement_seconds * 1000:.0f}ms'; "
        "SET LOCAL lock_timeout = '3s'; SET LOCAL idle_in_transaction_session_timeout = '10min'"
    ).encode()


def _take_line(seconds: float) -> bytes:
    """Locks the row of the catalogue's version, as all writers do: whoever waits for it says so in time, and tries again."""
    lock_timeout = f"SET LOCAL lock_timeout = '{seconds * 1000:.0f}ms'"
    return f"; {lock_timeout}; SELECT FROM catalogue FOR UPDATE; SET LOCAL lock_timeout = '3s'".encode()


async def _driver(connection: AsyncConnection) -> PostgresConnection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, PostgresConnection)
    return driver


async def _end(connection: AsyncConnection) -> None:
    """Leaves the connection outside of a transaction, or to nobody."""
    if connection.invalidated or connection.closed:
        return
    driver = await _driver(connection)
    with suppress(psycopg.Error):
        await driver.rollback()
    if driver.closed or driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        await connection.invalidate()


class _PostgresGroup:
    """The transaction of a connection, and what each write in it sees."""

    def __init__(self, connection: AsyncConnection, driver: PostgresConnection) -> None:
        self._connection = connection
        self._driver = driver

    def part(self, author: str | None) -> Transaction:
        return _PostgresTransaction(author, connection=self._connection, driver=self._driver)

    async def control(self, sql: str) -> None:
        await self._driver.execute(sql.encode())


@dataclass(slots=True, kw_only=True)
class _PostgresTransaction(VersionLog):
    connection: AsyncConnection
    driver: PostgresConnection

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
