"""The connections of a server process to PostgreSQL: all alike, opened when they are wanted, given back by `close()`."""

import asyncio
import time
from collections import deque
from weakref import WeakSet

import psycopg

from bayplan.db.postgresql_availability import WAIT_SECONDS, Availability, no_connection_free
from bayplan.db.postgresql_connection import CONNECT_SECONDS, SILENCE_SECONDS, Connector, PostgresConnection

FEWER_SECONDS = 30.0
"""How long no more connections are opened than there were when the database, or a pooler before it, had no room."""


class ConnectionPool:
    """At most `most` connections, fewer where no more can be had. Who finds none free waits in line for one."""

    def __init__(self, connector: Connector, availability: Availability, most: int) -> None:
        self._connector = connector
        self._availability = availability
        self._most = most
        self._fewer = most
        self._fewer_until = 0.0
        # Not those that somebody lost without giving them back.
        self._open: WeakSet[PostgresConnection] = WeakSet()
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: list[PostgresConnection] = []
        self._waiting: deque[asyncio.Future[PostgresConnection]] = deque()
        self._is_closed = False
        connector.on_renewal.append(self._end_idle)

    async def take(self) -> PostgresConnection:
        """Gives a connection that nobody else uses, outside of a transaction; raises `DatabaseUnavailable` and psycopg's errors."""
        await self._availability.require()
        if self._idle:
            return self._idle.pop()
        waiter: asyncio.Future[PostgresConnection] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._open_more()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await waiter
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            if isinstance(error, TimeoutError):
                raise no_connection_free(self._count) from None
            raise

    async def close(self) -> None:
        """Ends those that are idle, and all others when they are given back."""
        self._is_closed = True
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        self._end_idle()

    def _give_back(self, connection: PostgresConnection) -> None:
        is_well = (
            not connection.closed
            and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            and connection.generation == self._connector.generation
            and not self._is_closed
        )
        if not is_well:
            connection.end()
            self._open.discard(connection)
            self._open_more()
            return
        connection.silence_seconds = SILENCE_SECONDS
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def _end_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.end()
            self._open.discard(connection)

    def _open_more(self) -> None:
        most = self._fewer if time.monotonic() < self._fewer_until else self._most
        if not self._is_closed and len(self._waiting) > len(self._opening) and self._count < most:
            task = asyncio.create_task(self._connect())
            self._opening.add(task)

    @property
    def _count(self) -> int:
        return len(self._open) + len(self._opening)

    async def _connect(self) -> None:
        try:
            try:
                await self._availability.require()
                connection = await self._connector.connect()
            finally:
                self._opening.discard(asyncio.current_task())
        except BaseException as error:
            is_heard = self._connector.heard_within(CONNECT_SECONDS)
            in_use = len(self._open) - len(self._idle)
            if isinstance(error, psycopg.OperationalError) and in_use and is_heard:
                # It answers those who have a connection: one of these will be free.
                self._fewer, self._fewer_until = len(self._open), time.monotonic() + FEWER_SECONDS
                return
            self._fail_all(error)
            if not isinstance(error, Exception):
                raise
            return
        self._open.add(connection)
        connection.give_back = self._give_back
        self._give_back(connection)

    def _fail_all(self, error: BaseException) -> None:
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
