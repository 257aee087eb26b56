"""Short writes of many requests in one transaction: each with its own savepoint, its own version and its own errors.

A commit that is safe on disk costs more than the statements of a small write. Whoever waits while one group is written is in
the next; each is answered when its group is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bayplan.db.database import Made, Transaction
from bayplan.db.group_commit import GroupCommit
from bayplan.db.principal import Principal
from bayplan.db.rights import require_rights
from bayplan.db.versioned import ReferenceNames, move_version, store_entries

# In one transaction: whoever comes later waits for no more than these.
MOST_WRITES = 50


class Group(Protocol):
    """A transaction that is in line with the other writers, for several writes."""

    def part(self, author: str | None) -> Transaction:
        """Gives the transaction as one of the writes sees it."""
        ...

    async def control(self, sql: str) -> None:
        """Runs a statement that begins or ends a savepoint."""
        ...


@dataclass(slots=True)
class _Write:
    work: Callable[[Transaction], Awaitable[Any]]
    by: Principal | None
    made: Any = None
    error: Exception | None = None


class GroupedWrites:
    """The short writes of one server process. `is_fatal` tells the errors after which the whole transaction is lost."""

    def __init__(
        self,
        begin: Callable[[], AbstractAsyncContextManager[Group]],
        names: ReferenceNames,
        is_fatal: Callable[[Exception], bool],
    ) -> None:
        self._begin = begin
        self._names = names
        self._is_fatal = is_fatal
        self._commits: GroupCommit[_Write, None] = GroupCommit(self._commit, MOST_WRITES)

    async def write(self, work: Callable[[Transaction], Awaitable[Made]], by: Principal | None) -> Made:
        """See `Database.write_grouped`."""
        write = _Write(work, by)
        await self._commits.written(write)
        if write.error is not None:
            raise write.error
        made: Made = write.made
        return made

    async def close(self) -> None:
        """Waits a moment for what is being written."""
        await self._commits.close()

    async def _commit(self, writes: Sequence[_Write]) -> None:
        async with self._begin() as group:
            for write in writes:
                await self._run(group, write)
                # Readers come in between.
                await asyncio.sleep(0)

    async def _run(self, group: Group, write: _Write) -> None:
        tx = group.part(None if write.by is None else write.by.name)
        await group.control("SAVEPOINT one_write")
        try:
            await move_version(tx, self._names)
            if write.by is not None:
                await require_rights(tx, write.by)
            write.made = await write.work(tx)
            await store_entries(tx)
        except Exception as error:  # whatever it is, it is the answer to this write alone
            if self._is_fatal(error):
                raise
            write.error = error
            await group.control("ROLLBACK TO SAVEPOINT one_write")
        await group.control("RELEASE SAVEPOINT one_write")
