"""How long the change log is kept: old entries are removed once an hour, a few in a transaction."""

import asyncio
import logging
from collections.abc import Callable

from bayplan.clock import now
from bayplan.db.database import Database
from bayplan.db.versioned import keep_version
from bayplan.errors import BayplanError
from bayplan.server.history import store

_log = logging.getLogger("bayplan")

INTERVAL_SECONDS = 3600.0
_MOST_AT_ONCE = 200


class HistoryRetention:
    """Removes entries of the change log that are older than so many days, while the server runs."""

    def __init__(
        self, db: Database, days: int, clock: Callable[[], str] = now, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._db = db
        self._days = days
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; the first removal is at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.remove_old()
            except BayplanError as error:
                _log.warning(
                    "Old entries of the change log could not be removed; the next try is in an hour: %s", error.detail
                )
            await asyncio.sleep(self._interval_seconds)

    async def remove_old(self) -> None:
        """Removes what is older; other writers come in between."""
        while True:
            async with self._db.write() as tx:
                await keep_version(tx)
                if not await store.forget(tx, self._clock(), self._days, _MOST_AT_ONCE):
                    return
            await asyncio.sleep(0)
