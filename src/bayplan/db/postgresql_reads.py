"""Reads that go to psycopg directly: compiled statements, and the catalogue's version, which every request asks for.

SQLAlchemy's asynchronous engine costs several times what the query itself does: a greenlet, a ping of the connection, a result.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import READ_VERSION, Rows, version_in
from bayplan.db.postgresql_availability import Availability, ConnectionSlots
from bayplan.db.postgresql_connection import Connector, PostgresConnection, is_broken
from bayplan.db.postgresql_pool import ConnectionPool


class ReadConnections:
    """Reads through at most `most` connections, each prepared once in each of these, and a transaction of its own.

    A connection that turns out broken is replaced, and the statement is run once more: it only reads.
    """

    def __init__(
        self,
        connections: ConnectionPool,
        availability: Availability,
        connector: Connector,
        dialect: sa.Dialect,
        most: int,
    ) -> None:
        self._connections = connections
        self._availability = availability
        self._connector = connector
        self._dialect = dialect
        self._slots = ConnectionSlots(availability, most)

    async def fetch(self, statement: CompiledStatement, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Gives the rows; raises `DatabaseUnavailable`."""
        sql, _, values = statement.for_driver(self._dialect)
        if parameters is not None:
            values = {**values, **parameters}
        async with self._slots:
            try:
                return await self._fetch(sql.encode(), values)
            except psycopg.Error as error:
                failure = self._availability.failure(error)
                if failure is None:
                    raise
                raise failure from error

    async def _fetch(self, sql: bytes, values: Mapping[str, Any]) -> Rows:
        try:
            return await self._run(await self._connections.take(), sql, values)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not is_broken(error):
                raise
            self._connector.renew()  # what broke this one has broken those that are idle as well
        return await self._run(await self._connections.take(), sql, values)

    async def _run(self, connection: PostgresConnection, sql: bytes, values: Mapping[str, Any]) -> Rows:
        try:
            rows = await (await connection.execute(sql, values, prepare=True)).fetchall()
        except BaseException:  # a cancelled one may still be waiting for its answer
            connection.end()
            raise
        finally:
            await connection.close()
        return rows


class SharedVersion:
    """The catalogue's version, read through one connection for all who ask.

    Who asks while a read is under way shares the next one, which begins after they asked: what was committed before is in it.
    """

    def __init__(self, reads: ReadConnections) -> None:
        self._reads = reads
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
        return version_in(await self._reads.fetch(READ_VERSION))

    async def close(self) -> None:
        """Ends reads that are under way."""
        for task in (self._current, self._next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])


def _retrieve(task: "asyncio.Task[int]") -> None:
    """Whoever waited may have gone: a failure that nobody waits for is no fault to be logged."""
    if not task.cancelled():
        task.exception()
