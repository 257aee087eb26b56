"""Whether a PostgreSQL database answers, and takes writes: a circuit breaker that closes by a probe of its own.

While the database is silent, nobody waits for it but the probe. While it is read-only, nobody tries to write.
"""

import asyncio

import psycopg
import sqlalchemy as sa
from psycopg import errors

from bayplan.db.database import DatabaseUnavailable, Outage
from bayplan.db.postgresql_connection import CONNECT_SECONDS, Connector, Silence

PROBE_EVERY_SECONDS = 0.5
VERDICT_SECONDS = 0.5
"""How long requests wait for the probe, after one connection fell silent: another may be well."""
WAIT_SECONDS = 20.0
"""How long a request waits until a connection is free."""

FAILURES = (sa.exc.DBAPIError, sa.exc.TimeoutError, psycopg.Error)
"""Of these `Availability.failure` tells what is an outage, and what is a fault of the program."""
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled)
_FULL = (errors.DiskFull,)
_DAMAGED = (errors.DataCorrupted, errors.IndexCorrupted)
_OTHER_SCHEMA = (
    errors.InsufficientPrivilege,
    errors.InvalidSchemaName,
    errors.UndefinedTable,
    errors.UndefinedColumn,
)
_STATEMENT_POOLING = "statement pooling"


class Availability:
    """What is known of the database: that it answers and takes writes, until an error says otherwise."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._is_silent = False
        self._is_read_only = False
        self._verdict: asyncio.Event | None = None
        self._probe: asyncio.Task[None] | None = None

    async def require(self, *, writes: bool = False) -> None:
        """Raises `DatabaseUnavailable` where a statement would fail in any case."""
        if self._verdict is not None:
            await self._verdict.wait()
        if self._is_silent:
            raise self._silent("it is silent")
        if writes and self._is_read_only:
            raise self._read_only()

    def failure(self, error: BaseException) -> DatabaseUnavailable | None:
        """Gives the outage that an error comes from, None where it comes from none."""
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(cause, Silence):
            return self.fell_silent(str(cause))
        if isinstance(cause, errors.ReadOnlySqlTransaction):
            return self.turned_read_only()
        if isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError, *_DAMAGED, *_OTHER_SCHEMA)):
            return self._unavailable(cause)
        return None

    def fell_silent(self, reason: str) -> DatabaseUnavailable:
        """Lets the probe find out whether one connection is dead or all are."""
        self._connector.renew()
        if not self._is_silent and self._verdict is None:
            self._verdict = asyncio.Event()
            self._start_probe()
        return self._silent(reason)

    def turned_read_only(self) -> DatabaseUnavailable:
        """Refuses writes from now on, until the probe is told otherwise."""
        if not self._is_read_only:
            self._is_read_only = True
            self._start_probe()
        return self._read_only()

    async def close(self) -> None:
        """Ends the probe."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    def _start_probe(self) -> None:
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._probe_until_well()
        finally:
            self._decide(is_silent=False)

    async def _probe_until_well(self) -> None:
        while True:
            asking = asyncio.create_task(self._ask())
            try:
                await asyncio.wait([asking], timeout=VERDICT_SECONDS)
                if not asking.done():
                    self._decide(is_silent=True)
                self._decide(is_silent=await asking)
            finally:
                asking.cancel()
            if not self._is_silent and not self._is_read_only:
                return
            await asyncio.sleep(PROBE_EVERY_SECONDS)

    def _decide(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        if self._verdict is not None:
            self._verdict.set()
            self._verdict = None

    async def _ask(self) -> bool:
        """Gives whether the database is silent, and learns whether it is read-only."""
        try:
            connection = await self._connector.connect()
        except Silence:
            # Where others are answered, there was no room for one more.
            return not self._connector.heard_within(CONNECT_SECONDS)
        except (psycopg.Error, DatabaseUnavailable, OSError):
            return False  # an answer, if not a good one
        if self._is_read_only and not connection.is_read_only:
            self._is_read_only = False
            self._connector.renew()  # sessions have the setting of when they began, and hosts the role
        connection.end()
        return False

    def _silent(self, reason: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"The database at {self._connector.place} does not answer: {reason}.")

    def _read_only(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The database at {self._connector.place} can be read but not written.", Outage.READ_ONLY
        )

    def _unavailable(self, cause: psycopg.Error) -> DatabaseUnavailable:
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        if _STATEMENT_POOLING in str(cause):
            reason = "pgbouncer's pool_mode is 'statement', and bayplan needs 'transaction' or 'session'"
        outage = next((outage for kinds, outage in _OUTAGES if isinstance(cause, kinds)), Outage.UNREACHABLE)
        return DatabaseUnavailable(f"The database at {self._connector.place} cannot be used: {reason}.", outage)


_OUTAGES = (
    (_BUSY, Outage.BUSY),
    (_FULL, Outage.FULL),
    (_DAMAGED, Outage.DAMAGED),
    (_OTHER_SCHEMA, Outage.OTHER_SCHEMA),
)


class ConnectionSlots:
    """At most `most` connections at once: whoever finds none waits in line, for a bounded time."""

    def __init__(self, availability: Availability, most: int) -> None:
        self._availability = availability
        self._free = asyncio.Semaphore(most)
        self._most = most

    async def __aenter__(self) -> None:
        """Takes a slot; raises `DatabaseUnavailable`."""
        await self._availability.require()
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise no_connection_free(self._most) from None
        try:
            await self._availability.require()  # it may have fallen silent meanwhile
        except BaseException:
            self._free.release()
            raise

    async def __aexit__(self, *_error: object) -> None:
        """Frees the slot."""
        self._free.release()


def no_connection_free(count: int) -> DatabaseUnavailable:
    """Gives the outage for whoever waited for a connection in vain."""
    return DatabaseUnavailable(
        f"All {count} connections to the database are in use, and none became free in {WAIT_SECONDS:g} seconds: "
        "try again, or raise BAYPLAN_DATABASE_CONNECTIONS.",
        Outage.BUSY,
    )
