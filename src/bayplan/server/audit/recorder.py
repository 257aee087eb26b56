"""Writes the audit log: a registry password leaves the server when its entry is committed, and not before.

Entries go by group commit. The same answer again is counted for an hour, not added. An answer without passwords, and a 304,
write nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from bayplan.clock import now
from bayplan.db.database import LOOP_ROWS, Database, Transaction
from bayplan.db.disclosure import Disclosure
from bayplan.db.group_commit import GroupCommit
from bayplan.db.principal import Principal
from bayplan.errors import BayplanError
from bayplan.server.audit import dedup
from bayplan.server.audit import store as audit_store
from bayplan.server.audit.dedup import RecentEntries
from bayplan.server.audit.store import AuditRecord

_log = logging.getLogger("bayplan")

# Entries in one transaction, so that the event loop is held for no longer than by a list; further entries wait for the next transaction.
_MOST_ENTRIES = 50
_FORGETS_EVERY_SECONDS = 3600.0
_FORGETS_AT_ONCE = 200


class AuditRecorder:
    """The audit log of a server process; once an hour it removes entries older than `days`."""

    def __init__(
        self,
        db: Database,
        days: int,
        clock: Callable[[], str] = now,
        removal_clock: Callable[[], str] | None = None,
    ) -> None:
        self._db = db
        self._days = days
        self._clock = clock
        self._removal_clock = removal_clock or clock
        self._recent = RecentEntries()
        self._writes = GroupCommit(self._commit, _MOST_ENTRIES)
        self._forgetting: asyncio.Task[None] | None = None
        self._forgets_next = 0.0

    async def disclosed(self, principal: Principal, address: str | None, action: str, disclosure: Disclosure) -> None:
        """Returns when the passwords of an answer are in the audit log; raises `DatabaseUnavailable` where they cannot be."""
        if disclosure.images:
            await self.enter(_record(principal, address, action, disclosure))

    async def disclosed_in(
        self, tx: Transaction, principal: Principal, address: str | None, action: str, disclosure: Disclosure
    ) -> None:
        """Enters the passwords of the answer to a change in the change's own transaction."""
        if disclosure.images:
            await audit_store.record(tx, self._clock(), [_record(principal, address, action, disclosure)])

    async def sent_to_registry(self, registry: str, action: str, images: Iterable[int]) -> None:
        """Enters that the credentials of these images will be sent to a registry."""
        await self.enter(AuditRecord("registry", registry, None, action, images))

    async def enter(self, entry: AuditRecord) -> None:
        """Returns when the entry is committed; raises `DatabaseUnavailable`."""
        if isinstance(entry.images, list) and len(entry.images) > LOOP_ROWS:
            await asyncio.to_thread(lambda: entry.digest)
        await self._writes.written(entry)
        self._forget_old()

    async def close(self) -> None:
        """Waits for the writes in progress."""
        await self._writes.close()
        if self._forgetting is not None:
            self._forgetting.cancel()
            await asyncio.gather(self._forgetting, return_exceptions=True)

    async def _commit(self, entries: Sequence[AuditRecord]) -> None:
        async with self._db.write(moves=False) as tx:
            at = self._clock()
            new = await dedup.record(tx, at, entries, self._recent)
        self._recent.remember(at, new)

    def _forget_old(self) -> None:
        if self._forgetting is None and time.monotonic() >= self._forgets_next:
            self._forgets_next = time.monotonic() + _FORGETS_EVERY_SECONDS
            self._forgetting = asyncio.create_task(self._forget())

    async def _forget(self) -> None:
        try:
            forgotten = 1
            while forgotten:  # a transaction for each part: answers are entered in between
                async with self._db.write(moves=False) as tx:
                    forgotten = await audit_store.forget(tx, self._removal_clock(), self._days, _FORGETS_AT_ONCE)
        except BayplanError as error:
            _log.warning(
                "Old entries of the audit log could not be removed; the next try is in an hour: %s", error.detail
            )
        finally:
            self._forgetting = None


def _record(principal: Principal, address: str | None, action: str, disclosure: Disclosure) -> AuditRecord:
    return AuditRecord(
        "user" if principal.worker is None else "worker", principal.name, address, action, disclosure.images
    )
