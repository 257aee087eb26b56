"""Connections to PostgreSQL, direct or through a pooler, which end themselves when the database falls silent."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

from bayplan.db.database import DatabaseUnavailable, Outage
from bayplan.db.postgresql_address import PostgresAddress

SILENCE_SECONDS = 3.5
"""How long a database may send nothing while it owes an answer: a request that meets it fails within five seconds."""
CONNECT_SECONDS = 3.5
FIRST_CONNECT_SECONDS = 20.0
"""At the start, when nobody knows yet which of several hosts lives."""
HOST_SECONDS = 2
"""For each host, where there are several: less is no value for libpq."""
READ_SECONDS = 60
"""How long a read may take that sends rows all the time, an export for example."""

_TICK_SECONDS = 0.1
_TICKS = 5  # while this process was stopped, the database was not silent
# SQL_ASCII has bytes, which are UTF-8 when UTF-8 is all that is written. What others cannot hold would fail later.
_ENCODINGS = ("UTF8", "SQL_ASCII")
_STATE = (
    b"BEGIN; SET LOCAL statement_timeout = '3s'; "
    b"SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('transaction_read_only'); COMMIT"
)
# What the role or the database has set is made for others. For reads, each of which is a transaction of its own; other
# transactions begin with their own settings.
_SET_SESSION = (
    f"SET statement_timeout = '{READ_SECONDS}s'; SET lock_timeout = '3s'; SET idle_session_timeout = 0".encode()
)
T = TypeVar("T")


class Silence(psycopg.OperationalError):
    """The database owes an answer, and has sent nothing for too long."""


def is_broken(error: psycopg.Error) -> bool:
    """Whether only the connection was at fault, or others in the database: another try on a new one may go through.

    The server ended it (class 57P, and none where it said nothing), the network did (08), or a standby's replay did (40).
    """
    if isinstance(error, Silence):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "40"))


class PostgresConnection(psycopg.AsyncConnection[Any]):
    """A connection that fails with `Silence`, and is closed, when the database sends nothing for `silence_seconds`."""

    silence_seconds: float | None = SILENCE_SECONDS
    is_pooled = False
    is_read_only = False
    generation = 0
    connector: "Connector | None" = None
    give_back: "Callable[[PostgresConnection], None] | None" = None

    async def close(self) -> None:
        """Gives the connection back where it came from: SQLAlchemy's connections do it, and so may others."""
        if self.give_back is not None:
            self.give_back(self)
        else:
            self.end()

    def end(self) -> None:
        """Ends the connection."""
        self.pgconn.finish()

    async def wait(self, gen: PQGen[T], interval: float = _TICK_SECONDS, timeout: float | None = None) -> T:  # noqa: ASYNC109  # psycopg's
        """Waits for what psycopg waits for."""
        return await super().wait(gen if self.silence_seconds is None else self._hearing(gen), interval, timeout)

    def _hearing(self, gen: PQGen[T]) -> PQGen[T]:
        assert self.silence_seconds is not None
        heard, ticks = time.monotonic(), 0
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    ticks = 0
                    heard = time.monotonic()
                else:
                    ticks += 1
                    if ticks >= _TICKS and time.monotonic() - heard >= self.silence_seconds:
                        self.pgconn.finish()  # to ask it to cancel would be one more wait
                        raise Silence(f"it has sent nothing for {self.silence_seconds:g} seconds")
                state = gen.send(ready)
        except StopIteration as done:
            if self.connector is not None:
                self.connector.heard = time.monotonic()
            result: T = done.value
            return result


class Connector:
    """Makes connections to the database of an address. Those of an earlier `generation` are not to be used any more."""

    def __init__(self, address: PostgresAddress) -> None:
        self.place = address.place
        self.generation = 0
        self.heard = 0.0
        """When a connection was last answered, by the monotonic clock."""
        self.on_renewal: list[Callable[[], None]] = []
        self._parameters = dict(address.parameters)
        self._has_connected = False
        self._hosts = address.hosts
        if self._hosts > 1:
            self._parameters.setdefault("connect_timeout", str(HOST_SECONDS))

    def renew(self) -> None:
        """Lets all connections that exist be replaced before they are used again."""
        self.generation += 1
        for listener in self.on_renewal:
            listener()

    def heard_within(self, seconds: float) -> bool:
        """Whether the database has answered on any connection in the last seconds."""
        return time.monotonic() - self.heard < seconds

    async def connect(self) -> PostgresConnection:
        """Gives a new connection in autocommit; raises `Silence` among psycopg's errors, and `DatabaseUnavailable`."""
        seconds = CONNECT_SECONDS if self._has_connected else FIRST_CONNECT_SECONDS
        generation = self.generation
        try:
            async with asyncio.timeout(seconds):
                connection = await PostgresConnection.connect(make_conninfo(**self._parameters), autocommit=True)
        except (TimeoutError, psycopg.errors.ConnectionTimeout):
            self._rotate(1)
            raise Silence(f"no connection was made in {seconds:g} seconds") from None
        self._has_connected = True
        self._prefer(connection)
        connection.generation = generation
        try:
            await self._set_up(connection)
        except BaseException:
            connection.end()
            raise
        connection.connector = self
        return connection

    async def _set_up(self, connection: PostgresConnection) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in _ENCODINGS:
            raise DatabaseUnavailable(
                f"The database at {self.place} has the encoding {encoding}, which lacks characters that names and "
                "descriptions may have: make a database with ENCODING 'UTF8' (TEMPLATE template0).",
                Outage.OTHER_SCHEMA,
            )
        results = await connection.execute(_STATE, prepare=False)
        while results.description is None:  # of what comes before SELECT
            results.nextset()
        ((pid, read_only),) = await results.fetchall()
        connection.is_read_only = read_only == "on"
        # A pooler such as pgbouncer has a number of its own for the session, and gives each transaction another backend:
        # nothing may stay in a session there, neither prepared statements nor settings.
        connection.is_pooled = pid != connection.info.backend_pid
        if connection.is_pooled:
            connection.prepare_threshold = None
            return
        await connection.execute(_SET_SESSION, prepare=False)

    def _prefer(self, connection: PostgresConnection) -> None:
        """Puts the host that answered before the others, which may be dead and silent."""
        if self._hosts > 1:
            hosts, ports = self._listed("host"), self._listed("port")
            for at, host in enumerate(hosts):
                port = ports[at] if len(ports) > 1 else ports[0]
                if host == connection.info.host and (port or "5432") == str(connection.info.port):
                    self._rotate(at)
                    return

    def _rotate(self, places: int) -> None:
        for name in ("host", "hostaddr", "port"):
            values = self._listed(name)
            if len(values) > 1:
                self._parameters[name] = ",".join(values[places:] + values[:places])

    def _listed(self, name: str) -> list[str]:
        return self._parameters.get(name, "").split(",")
