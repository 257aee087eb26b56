"""What the audit trail says again: counted in the row that says it, not added.

A worker that matches every few seconds is given the same passwords thousands of times a day. For an hour from the first
time an equal answer changes two numbers in one row. Which row that is, the server process remembers: nothing is looked up,
and processes that share a database have a row each.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Transaction
from bayplan.server.audit.store import COUNTED_FOR, AuditRecord, before, keep_sets

_MOST_ROWS = 100_000
_AUDIT = tables.audit.c

# In the order of the rows that are given: each row's pk is remembered.
_BEGIN = sa.insert(tables.audit).returning(_AUDIT.pk, sort_by_parameter_order=True)
_PKS: sa.BindParameter[int] = sa.bindparam("pks", expanding=True)
_COUNT = (
    sa.update(tables.audit)
    .where(_AUDIT.pk.in_(_PKS))
    .values(times=_AUDIT.times + sa.bindparam("more"), last=sa.bindparam("now"))
)
_THERE = sa.select(_AUDIT.pk).where(_AUDIT.pk.in_(_PKS))
New = Sequence[tuple[bytes, int]]
"""Rows that were begun: what they say, and their pks."""


class RecentEntries:
    """The rows that one server process has begun and may count up, by what they say; at most so many.

    Where there are more, those that are there stay until their hour is over, and what else comes is not counted: pushed out
    by others, none would be there when it is wanted.
    """

    def __init__(self, most: int = _MOST_ROWS) -> None:
        self._most = most
        self._rows: dict[bytes, tuple[str, int]] = {}  # the oldest first

    def among(self, wanted: Iterable[bytes], at: str) -> dict[bytes, int]:
        """Gives the pks of those that may be counted up at that time."""
        earliest = before(at, COUNTED_FOR)
        found = ((sameness, self._rows.get(sameness)) for sameness in wanted)
        return {sameness: row[1] for sameness, row in found if row is not None and earliest < row[0] <= at}

    def remember(self, at: str, new: New) -> None:
        """Takes in rows that are committed."""
        earliest = before(at, COUNTED_FOR)
        for sameness, pk in new:
            self._rows.pop(sameness, None)
            while len(self._rows) >= self._most:
                oldest = next(iter(self._rows))
                if earliest < self._rows[oldest][0] <= at:
                    return
                del self._rows[oldest]
            self._rows[sameness] = (at, pk)


async def record(tx: Transaction, at: str, entries: Sequence[AuditRecord], begun: RecentEntries) -> New:
    """Counts entries in the rows that say the same, and adds the others; gives what was added, for `Begun.remember`.

    The passwords may leave, and the rows be remembered, when the transaction is committed, and not before.
    """
    await keep_sets(tx, at, entries)
    equal: dict[bytes, list[AuditRecord]] = defaultdict(list)
    for entry in entries:
        equal[entry.sameness].append(entry)
    known = begun.among(equal, at)
    more: dict[int, list[int]] = defaultdict(list)
    for sameness, pk in known.items():
        more[len(equal[sameness])].append(pk)
    gone = [pk for times, pks in more.items() for pk in await _counted(tx, at, times, pks)]
    new = [sameness for sameness in equal if sameness not in known or known[sameness] in gone]
    if not new:
        return ()
    rows = await tx.fetch(_BEGIN, [equal[sameness][0].row(at, len(equal[sameness])) for sameness in new])
    return [(sameness, row[0]) for sameness, row in zip(new, rows, strict=True)]


async def _counted(tx: Transaction, at: str, times: int, pks: Sequence[int]) -> Sequence[int]:
    """Counts rows up; gives those that somebody has removed."""
    if await tx.execute(_COUNT, {"pks": pks, "more": times, "now": at}) == len(pks):
        return ()
    there = {row[0] for row in await tx.fetch(_THERE, {"pks": pks})}
    return [pk for pk in pks if pk not in there]
