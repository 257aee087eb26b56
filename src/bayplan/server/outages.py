"""Outages of the database: logged a line at a time however many requests fail, watched, and logged when they end."""

import asyncio
import logging
import time
from collections.abc import Callable

from bayplan.db import schema
from bayplan.db.database import Database, DatabaseUnavailable, Outage
from bayplan.domain import units
from bayplan.errors import BayplanError

_log = logging.getLogger("bayplan")

LOG_EVERY_SECONDS = 5.0
"""Of each kind of outage, so that the processes of one server together log no more than about a line a second."""
WATCH_EVERY_SECONDS = 1.0
VALUES_KEPT_SECONDS = 1.0
"""How long the result of a check of all values is good: it reads every row."""


class Outages:
    """The outage that lasts at present, None where there is none: reported by whoever meets it, ended by a check each second."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._logged: dict[Outage, tuple[float, int]] = {}
        """When each kind was logged last, and how many reports there were since."""
        self._begun = 0.0
        self._watching: asyncio.Task[None] | None = None
        self._values: asyncio.Task[None] | None = None
        self._values_checked = 0.0
        self.current: DatabaseUnavailable | None = None

    def report(self, error: Exception) -> None:
        """Logs that the database cannot be used, unless it was logged just now; other errors are not its business."""
        if not isinstance(error, DatabaseUnavailable):
            return
        now = self._clock()
        logged, suppressed = self._logged.get(error.outage, (-LOG_EVERY_SECONDS, 0))
        if now - logged < LOG_EVERY_SECONDS:
            self._logged[error.outage] = logged, suppressed + 1
        else:
            self._logged[error.outage] = now, 0
            _log.error("%s%s", error.detail, f" ({units.count(suppressed, 'more time')} since)" if suppressed else "")
        if self.current is None:
            self._begun = now
        self.current = error
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def cause(self, error: Exception) -> Exception:
        """Gives the outage behind an unforeseen error: a value in the database that bayplan did not write. Else the error itself."""
        if self._values is None or (self._values.done() and self._clock() - self._values_checked > VALUES_KEPT_SECONDS):
            self._values, self._values_checked = asyncio.create_task(self._db.check_values()), self._clock()
        try:
            await asyncio.shield(self._values)
        except DatabaseUnavailable as outage:
            return outage
        return error

    async def close(self) -> None:
        """Ends the watch, and waits for a check of values."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._values is not None:
            await asyncio.wait([self._values])

    async def _watch(self) -> None:
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_SECONDS)
                try:
                    await self._db.check(thorough=True)
                    if self.current is not None and self.current.outage is Outage.OTHER_SCHEMA:
                        await schema.check_whole(self._db)
                    if self.current is not None and self.current.outage is Outage.DAMAGED:
                        await self._db.check_values()
                except BayplanError as error:
                    self.report(error)
                else:
                    break
        finally:
            self._watching = None
        suppressed = sum(count for _, count in self._logged.values())
        self._logged = {outage: (logged, 0) for outage, (logged, _) in self._logged.items()}
        self.current = None
        _log.warning(
            "The database can be used again, after %.0f s%s",
            self._clock() - self._begun,
            f" ({units.count(suppressed, 'failure')} not logged one by one)" if suppressed else "",
        )
