"""Reads that go to psycopg directly: compiled statements, and the catalogue's version, which every request asks for.

SQLAlchemy's asynchronous engine costs several times what the query itself does: a greenlet, a ping of the connection, a result.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import READ_VERSION, Rows, version_in

CONNECT_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 10

_BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)
READ_FAILURES = (*_BROKEN, TimeoutError)
"""What a read raises where the database does not answer, or no connection gets free in time."""


class ReadConnections:
    """At most `most` connections in which a statement is prepared once and is a transaction of its own.

    A connection that turns out broken is replaced, and the statement is run once more: it only reads.
    """

    def __init__(self, url: sa.URL, dialect: sa.Dialect, *, most: int) -> None:
        self._dialect = dialect
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(most)

    async def fetch(self, statement: CompiledStatement, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Gives the rows; raises `READ_FAILURES`."""
        sql, _, values = statement.for_driver(self._dialect)
        if parameters is not None:
            values = {**values, **parameters}
        await self._take_slot()
        try:
            if self._idle:
                connection = self._idle.pop()
                try:
                    return await self._run(connection, sql, values)
                except _BROKEN:
                    await self.close()  # what broke this one has broken those that are idle as well
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, prepare_threshold=0, connect_timeout=CONNECT_TIMEOUT_SECONDS
            )
            return await self._run(connection, sql, values)
        finally:
            self._slots.release()

    async def _take_slot(self) -> None:
        if self._slots.locked():
            async with asyncio.timeout(POOL_TIMEOUT_SECONDS):
                await self._slots.acquire()
        else:
            await self._slots.acquire()

    async def _run(self, connection: psycopg.AsyncConnection[Any], sql: str, values: Mapping[str, Any]) -> Rows:
        try:
            rows = await (await connection.execute(sql.encode(), values)).fetchall()
        except BaseException:  # a cancelled one may still be waiting for its answer
            await connection.close()
            raise
        self._idle.append(connection)
        return rows

    async def close(self) -> None:
        """Ends the connections that are idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()


class SharedVersion:
    """The catalogue's version, read through one connection for all who ask.

    Who asks while a read is under way shares the next one, which begins after they asked: what was committed before is in it.
    """

    def __init__(self, connections: ReadConnections, failed: Callable[[Exception], Exception]) -> None:
        self._connections = connections
        self._failed = failed
        self._current: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    def read(self) -> Awaitable[int]:
        """Gives the version as it is after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._current))
            self._next.add_done_callback(_retrieve)
        return asyncio.shield(self._next)

    async def _read_after(self, before: "asyncio.Task[int] | None") -> int:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._current, self._next = self._next, None
        try:
            return version_in(await self._connections.fetch(READ_VERSION))
        except READ_FAILURES as error:
            raise self._failed(error) from error

    async def close(self) -> None:
        """Ends the connection, and reads that are under way."""
        for task in (self._current, self._next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        await self._connections.close()


def _retrieve(task: "asyncio.Task[int]") -> None:
    """Whoever waited may have gone: a failure that nobody waits for is no fault to be logged."""
    if not task.cancelled():
        task.exception()
