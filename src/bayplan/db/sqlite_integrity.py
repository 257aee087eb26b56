"""Looks for damaged pages of the embedded database, in a thread and not too often."""

import asyncio
import sqlite3
import time
from pathlib import Path

from bayplan.db.database import DatabaseUnavailable, Outage
from bayplan.db.sqlite_errors import outage_of, unavailable

WAIT_SECONDS = 2.0
"""How long whoever asks waits for the result; a larger database is gone through in the background."""
_HEADER = "SELECT count(*) FROM sqlite_schema"
_PAGES = "PRAGMA quick_check(1)"
_PAGES_AND_INDEXES = "PRAGMA integrity_check(1)"
_PAUSE_SECONDS = 5.0
_PAUSE_FACTOR = 50.0
_PAUSE_FACTOR_AFTER_DAMAGE = 5.0


class Integrity:
    """The result of the last `quick_check`, which is made anew when it is asked for after a pause that grows with its cost."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._running: asyncio.Task[None] | None = None
        self._next = 0.0
        self.damage: DatabaseUnavailable | None = None

    def suspect(self, error: DatabaseUnavailable) -> None:
        """Notes a damage that a statement met; the next check looks anew."""
        self.damage = error
        self._next = 0.0

    async def check(self) -> None:
        """Raises `DatabaseUnavailable` where the database is damaged, or does not begin as one."""
        if self._running is None and time.monotonic() >= self._next:
            self._running = asyncio.create_task(self._run())
        if self._running is not None:
            await asyncio.wait([self._running], timeout=WAIT_SECONDS)
        elif self.damage is None:
            self.damage = await asyncio.to_thread(self._found, _HEADER)
        if self.damage is not None:
            raise self.damage

    async def close(self) -> None:
        """Waits for a check that is under way."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        begun = time.monotonic()
        try:
            # Indexes too where a statement has met a damage: that takes longer.
            statement = _PAGES if self.damage is None else _PAGES_AND_INDEXES
            self.damage = await asyncio.to_thread(self._found, statement)
        finally:
            self._running = None
            ended = time.monotonic()
            if self.damage is None:
                self._next = ended + max(_PAUSE_SECONDS, _PAUSE_FACTOR * (ended - begun))
            else:
                self._next = ended + _PAUSE_FACTOR_AFTER_DAMAGE * (ended - begun)

    def _found(self, statement: str) -> DatabaseUnavailable | None:
        # A connection of its own has read nothing yet: what it sees is on the disk.
        try:
            connection = sqlite3.connect(f"{Path(self._path).absolute().as_uri()}?mode=ro", uri=True)
            try:
                rows = connection.execute(statement).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            outage = unavailable(error, self._path)
            return outage if outage.outage is Outage.DAMAGED else None
        if rows == [("ok",)] or statement == _HEADER:
            return None
        reason = " ".join(str(rows[0][0]).split()).removeprefix("*** in database main *** ")
        return outage_of(Outage.DAMAGED, self._path, reason)
