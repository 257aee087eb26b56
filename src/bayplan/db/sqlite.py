"""The embedded database: SQLite, called in the event loop, where a query costs less than the way to a thread and back.

A query that turns out long is stopped and begun again in a thread. There is one writer at a time; what waits for a lock
or for the disk (BEGIN, COMMIT) waits in a thread.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.sql.base import Executable

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import (
    LOOP_ROWS,
    READ_VERSION,
    DatabaseUnavailable,
    Made,
    Outage,
    Parameters,
    Rows,
    Transaction,
    version_in,
)
from bayplan.db.grouped_writes import GroupedWrites
from bayplan.db.principal import Principal
from bayplan.db.rights import require_rights
from bayplan.db.sqlite_connection import (
    LOCK_WAIT_MS,
    LOCKED_WAIT_MS,
    begin,
    connect,
    driver_of,
    prepare,
    roll_back,
    run_compiled,
    settled,
)
from bayplan.db.sqlite_errors import DRIVER_ERRORS, is_busy, is_interrupt, is_outage, outage_of, unavailable
from bayplan.db.sqlite_file import DatabaseFiles
from bayplan.db.sqlite_integrity import Integrity
from bayplan.db.sqlite_transaction import SqliteGroup
from bayplan.db.stored_values import lost_references, odd_values
from bayplan.db.versioned import ReferenceNames, move_version, store_entries

# How long a query may hold the event loop, and how often SQLite looks at the clock (in steps of its own machine).
LOOP_BUDGET_SECONDS = 0.002
STEPS_BETWEEN_LOOKS = 2_000
THREAD_CONNECTIONS = 4
# How long a query waits for the one before it in a thread: SQLite takes and gives Python's lock for every row, so that
# two that read at once cost several times as much as one after the other. A slow one is not waited for.
TURN_SECONDS = 0.05
# How often reads look whether the files are still those that were opened; every write does.
FILES_CHECKED_EVERY_SECONDS = 1.0
# New ones see what was mended meanwhile. Those of a full disk are kept: there may be no room to make them.
_NEED_NEW_CONNECTIONS = frozenset((Outage.DAMAGED, Outage.READ_ONLY, Outage.UNREACHABLE))
_WRITE_NOTHING = CompiledStatement(sa.update(tables.catalogue).values(version=tables.catalogue.c.version))
# For each connection; that of a filter of 1,000 expressions takes about a megabyte.
KEPT_STATEMENTS = 32


class _Done(Exception):
    """Takes a transaction back that was only to show that it is possible."""


class SqliteDatabase:
    """A catalogue in one file, made with mode 0600 where there is none."""

    def __init__(self, path: str, *, makes_file: bool = True) -> None:
        self._path = path
        self._makes_file = makes_file
        self._files = DatabaseFiles(path)
        self._integrity = Integrity(path)
        self._files_checked = 0.0
        self._deadline = float("inf")
        self._writing = asyncio.Lock()
        self._is_in_transaction = False
        self._is_locked = False
        self._threads = asyncio.Semaphore(THREAD_CONNECTIONS)
        self._turn = asyncio.Lock()
        self._names = ReferenceNames()
        self._groups = GroupedWrites(self._transaction, self._names, is_outage)

    @cached_property
    def _engine(self) -> sa.Engine:
        if self._files.were_opened:
            self._files.check_same()  # else SQLite would make a new file in the place of one that was removed
        elif not self._makes_file:
            self._files.require_content()
        else:
            try:
                Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                Path(self._path).touch(mode=0o600)
                self._files.check_log()
            except OSError as error:
                raise unavailable(error, self._path) from error
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: connect(self._path, KEPT_STATEMENTS),
            poolclass=sa.QueuePool,
            pool_size=THREAD_CONNECTIONS + 2,
            hide_parameters=True,  # they hold secrets, and errors are logged
        )
        sa.event.listen(engine, "connect", prepare)
        return engine

    @cached_property
    def _reader(self) -> sa.Connection:
        connection = self._connect()
        driver_of(connection).set_progress_handler(lambda: time.thread_time() > self._deadline, STEPS_BETWEEN_LOOKS)
        return connection

    @cached_property
    def _writer(self) -> sa.Connection:
        return self._connect()

    def _connect(self) -> sa.Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _answer(self, error: Exception) -> Exception:
        """Gives the error to raise for one of a statement: itself where it is not the database's fault."""
        return self._failed(error) if is_outage(error) else error

    def _failed(self, error: Exception) -> DatabaseUnavailable:
        """Gives the error for people, in the event loop."""
        failure = unavailable(error, self._path)
        if failure.outage is Outage.DAMAGED:
            self._integrity.suspect(failure)
        if failure.outage in _NEED_NEW_CONNECTIONS:
            self._disconnect()
        return failure

    def _disconnect(self) -> None:
        self._discard("_reader")
        if not self._writing.locked():
            self._discard("_writer")
        if "_engine" in self.__dict__:
            self._engine.dispose()
        self._files.closed()

    def _discard(self, name: str) -> None:
        connection: sa.Connection | None = self.__dict__.pop(name, None)
        if connection is not None:
            connection.invalidate()
            connection.close()

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
        except DRIVER_ERRORS as error:
            if is_interrupt(error):
                return await self._fetch_in_thread(statement, then, parameters)
            raise self._answer(error) from error
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
            except DRIVER_ERRORS as error:
                raise self._answer(error) from error
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
        return run_compiled(connection, self._engine.dialect, statement, parameters).fetchall()

    async def version(self) -> int:
        """See `Database.version`."""
        version = await self.fetch(READ_VERSION, version_in)
        now = time.monotonic()
        if now - self._files_checked > FILES_CHECKED_EVERY_SECONDS:
            self._files.check_same()
            self._files_checked = now
        return version

    @asynccontextmanager
    async def write(
        self,
        *,
        moves: bool = True,
        by: Principal | None = None,
        is_long: bool = False,  # noqa: ARG002  # it works on its own disk, and has no deadline
    ) -> AsyncGenerator[Transaction]:
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
    async def _transaction(self) -> AsyncGenerator[SqliteGroup]:
        async with self._writing:
            if self._integrity.damage is not None:
                raise self._integrity.damage
            try:
                connection = self._writer
                await self._begin(connection)
                self._is_in_transaction = True
                yield SqliteGroup(connection, self._engine.dialect)
                self._files.check_same()
                await settled(connection, "COMMIT")
            except BaseException as error:
                self._roll_back(error)
                self._names.forget()
                if isinstance(error, DRIVER_ERRORS):
                    raise self._answer(error) from error
                raise
            finally:
                self._is_in_transaction = False

    async def _begin(self, connection: sa.Connection) -> None:
        try:
            await begin(connection, LOCKED_WAIT_MS if self._is_locked else LOCK_WAIT_MS)
        except DRIVER_ERRORS as error:
            self._is_locked = is_busy(error)
            raise
        self._is_locked = False

    def _roll_back(self, error: BaseException) -> None:
        if "_writer" in self.__dict__:
            with suppress(*DRIVER_ERRORS):  # SQLite ends a transaction by itself after some errors
                roll_back(self._writer)
            if is_outage(error) and unavailable(error, self._path).outage in _NEED_NEW_CONNECTIONS:
                self._discard("_writer")

    async def check(self, *, thorough: bool = False) -> int:
        """See `Database.check`."""
        version = await self.version()
        try:
            self._files.check_same()
            self._files.check_size()
        except OSError as error:
            raise self._failed(error) from error
        await self._integrity.check()
        if thorough or not self._is_in_transaction:  # a transaction of ours shows that it can be written
            with suppress(_Done):
                async with self._transaction() as group:
                    await group.part(None).execute(_WRITE_NOTHING)
                    if not thorough:
                        raise _Done
        return version

    async def check_values(self) -> None:
        """See `Database.check_values`."""

        def find() -> list[str]:
            with self._connect() as connection:
                return odd_values(connection) or lost_references(connection)

        try:
            odd = await asyncio.to_thread(find)
        except DRIVER_ERRORS as error:
            raise self._answer(error) from error
        if odd:
            raise outage_of(Outage.DAMAGED, self._path, odd[0])

    async def run_sync(self, work: Callable[[sa.Connection], Made]) -> Made:
        """See `Database.run_sync`."""

        def in_transaction() -> Made:
            with self._connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    made = work(connection)
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    with suppress(*DRIVER_ERRORS):  # SQLite ends the transaction by itself after some errors
                        roll_back(connection)
                    raise
                return made

        try:
            return await asyncio.to_thread(in_transaction)
        except DRIVER_ERRORS as error:
            raise self._answer(error) from error

    async def close(self) -> None:
        """See `Database.close`."""
        await self._groups.close()
        await self._integrity.close()
        for name in ("_reader", "_writer"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        if "_engine" in self.__dict__:
            self._engine.dispose()
