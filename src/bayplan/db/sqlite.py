"""The embedded database: SQLite, called in the event loop, where a query costs less than the way to a thread and back.

A query that turns out long is stopped and begun again in a thread. There is one writer at a time; what waits for a lock
or for the disk (BEGIN, COMMIT) waits in a thread.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import Executable

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import (
    LOOP_ROWS,
    READ_VERSION,
    DatabaseUnavailable,
    Made,
    Parameters,
    Rows,
    Transaction,
)
from bayplan.db.grouped_writes import GroupedWrites
from bayplan.db.principal import Principal
from bayplan.db.rights import require_rights
from bayplan.db.versioned import ReferenceNames, VersionLog, move_version, store_entries

# How long a query may hold the event loop, and how often SQLite looks at the clock (in steps of its own machine).
LOOP_BUDGET_SECONDS = 0.002
STEPS_BETWEEN_LOOKS = 2_000
BUSY_TIMEOUT_MS = 5_000
THREAD_CONNECTIONS = 4
# How long a query waits for the one before it in a thread: SQLite takes and gives Python's lock for every row, so that
# two that read at once cost several times as much as one after the other. A slow one is not waited for.
TURN_SECONDS = 0.05
_FAILURES = (sa.exc.OperationalError, sqlite3.OperationalError)
# For each connection; that of a filter of 1,000 expressions takes about a megabyte.
KEPT_STATEMENTS = 32


class SqliteDatabase:
    """A catalogue in one file, made with mode 0600 where there is none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._deadline = float("inf")
        self._writing = asyncio.Lock()
        self._threads = asyncio.Semaphore(THREAD_CONNECTIONS)
        self._turn = asyncio.Lock()
        self._names = ReferenceNames()
        self._groups = GroupedWrites(self._transaction, self._names, _FAILURES)

    @cached_property
    def _engine(self) -> sa.Engine:
        Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(self._path).touch(mode=0o600)
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=self._path),
            connect_args={"check_same_thread": False, "cached_statements": KEPT_STATEMENTS},
            poolclass=sa.QueuePool,
            pool_size=THREAD_CONNECTIONS + 2,
            hide_parameters=True,  # they hold secrets, and errors are logged
        )
        sa.event.listen(engine, "connect", _prepare)
        return engine

    @cached_property
    def _reader(self) -> sa.Connection:
        connection = self._connect()
        _driver(connection).set_progress_handler(lambda: time.thread_time() > self._deadline, STEPS_BETWEEN_LOOKS)
        return connection

    @cached_property
    def _writer(self) -> sa.Connection:
        return self._connect()

    def _connect(self) -> sa.Connection:
        try:
            return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except (sa.exc.DBAPIError, OSError) as error:
            raise _unavailable(error, self._path) from error

    async def fetch(
        self, statement: Executable | CompiledStatement, then: Callable[[Rows], Made], parameters: Parameters = None
    ) -> Made:
        """See `Database.fetch`."""
        if isinstance(statement, CompiledStatement) and statement.is_long:
            return await self._fetch_in_thread(statement, then, parameters)
        # Processor time: what other threads and programs take does not make a query long.
        self._deadline = time.thread_time() + LOOP_BUDGET_SECONDS
        try:
            rows = self._rows(self._reader, statement, parameters)
        except _FAILURES as error:
            if "interrupted" not in str(error):
                raise _unavailable(error, self._path) from error
            return await self._fetch_in_thread(statement, then, parameters)
        finally:
            self._deadline = float("inf")
        return then(rows) if len(rows) <= LOOP_ROWS else await asyncio.to_thread(then, rows)

    async def _fetch_in_thread(
        self, statement: Executable | CompiledStatement, then: Callable[[Rows], Made], parameters: Parameters
    ) -> Made:
        def work() -> Made:
            with self._connect() as connection:
                begun = time.thread_time()
                rows = self._rows(connection, statement, parameters)
                if isinstance(statement, CompiledStatement):
                    # Long enough for a thread, until it is clearly short: rows may have gone.
                    statement.is_long = time.thread_time() - begun > LOOP_BUDGET_SECONDS / 4
                return then(rows)

        async with self._threads:
            has_turn = await self._take_turn()
            try:
                return await asyncio.to_thread(work)
            finally:
                if has_turn:
                    self._turn.release()

    async def _take_turn(self) -> bool:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                return await self._turn.acquire()
        except TimeoutError:
            return False

    def _rows(
        self, connection: sa.Connection, statement: Executable | CompiledStatement, parameters: Parameters
    ) -> Rows:
        if not isinstance(statement, CompiledStatement):
            return connection.execute(statement, parameters).fetchall()
        assert parameters is None or isinstance(parameters, Mapping)
        return _run(connection, self._engine.dialect, statement, parameters).fetchall()

    async def version(self) -> int:
        """See `Database.version`."""
        return await self.fetch(READ_VERSION, lambda rows: int(rows[0][0]))

    @asynccontextmanager
    async def write(self, *, moves: bool = True, by: Principal | None = None) -> AsyncGenerator[Transaction]:
        """See `Database.write`."""
        async with self._transaction() as group:
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
    async def _transaction(self) -> "AsyncGenerator[_SqliteGroup]":
        async with self._writing:
            connection = self._writer
            try:
                await _begin(connection)
                yield _SqliteGroup(connection, self._engine.dialect)
                await _settled(connection, "COMMIT")
            except BaseException as error:
                if _in_transaction(connection):
                    connection.exec_driver_sql("ROLLBACK")
                self._names.forget()
                if isinstance(error, _FAILURES):
                    raise _unavailable(error, self._path) from error
                raise

    async def check(self, *, thorough: bool = False) -> int:  # noqa: ARG002
        """See `Database.check`."""
        return await self.version()

    async def run_sync(self, work: Callable[[sa.Connection], Made]) -> Made:
        """See `Database.run_sync`."""

        def in_transaction() -> Made:
            with self._connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    made = work(connection)
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
                return made

        try:
            return await asyncio.to_thread(in_transaction)
        except sa.exc.OperationalError as error:
            raise _unavailable(error, self._path) from error

    async def close(self) -> None:
        """See `Database.close`."""
        await self._groups.close()
        for name in ("_reader", "_writer"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        if "_engine" in self.__dict__:
            self._engine.dispose()


class _SqliteGroup:
    """The transaction of a connection, and what each write in it sees."""

    def __init__(self, connection: sa.Connection, dialect: sa.Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def part(self, author: str | None) -> Transaction:
        return _SqliteTransaction(author, connection=self._connection, dialect=self._dialect)

    async def control(self, sql: str) -> None:
        _driver(self._connection).execute(sql)


@dataclass(slots=True, kw_only=True)
class _SqliteTransaction(VersionLog):
    connection: sa.Connection
    dialect: sa.Dialect

    async def fetch(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> Rows:
        if isinstance(statement, CompiledStatement):
            return _run(self.connection, self.dialect, statement, parameters).fetchall()
        return self.connection.execute(statement, parameters).fetchall()

    async def execute(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> int:
        if isinstance(statement, CompiledStatement):
            return _run(self.connection, self.dialect, statement, parameters).rowcount
        return self.connection.execute(statement, parameters).rowcount


def _run(
    connection: sa.Connection, dialect: sa.Dialect, statement: CompiledStatement, parameters: Parameters
) -> sqlite3.Cursor:
    sql, names, fixed = statement.for_driver(dialect)
    driver = _driver(connection)
    if parameters is None or isinstance(parameters, Mapping):
        values = {**fixed, **parameters} if parameters else fixed
        return driver.execute(sql, [values[name] for name in names])
    return driver.executemany(sql, [[row[name] for name in names] for row in parameters])


async def _begin(connection: sa.Connection) -> None:
    """Begins a transaction that writes: at once where no other process does, else in a thread that waits for it."""
    driver = _driver(connection)
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        await _settled(connection, "BEGIN IMMEDIATE")


async def _settled(connection: sa.Connection, sql: str) -> None:
    """Runs `sql` in a thread and waits for its end even when cancelled: the connection is nobody else's until then."""
    running = asyncio.ensure_future(asyncio.to_thread(connection.exec_driver_sql, sql))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _in_transaction(connection: sa.Connection) -> bool:
    return _driver(connection).in_transaction


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours to say
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.create_function("bayplan_folded", 1, _folded, deterministic=True)


def _folded(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _unavailable(error: Exception, path: str) -> DatabaseUnavailable:
    reason = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
    return DatabaseUnavailable(f"The database file {path} cannot be used: {reason}.")
