"""Repeated entries of the audit log: counted in the first one's row, and not added.

A worker that matches every few seconds gets the same passwords thousands of times a day. For an hour from the first
time an equal answer changes two numbers in a row. The server process remembers which row that is, so nothing is queried,
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

# In the order of the parameters: each row's pk is remembered.
_BEGIN = sa.insert(tables.audit).returning(_AUDIT.pk, sort_by_parameter_order=True)
_PKS: sa.BindParameter[int] = sa.bindparam("pks", expanding=True)
_COUNT = (
    sa.update(tables.audit)
    .where(_AUDIT.pk.in_(_PKS))
    .values(times=_AUDIT.times + sa.bindparam("more"), last=sa.bindparam("now"))
)
_EXISTING = sa.select(_AUDIT.pk).where(_AUDIT.pk.in_(_PKS))
New = Sequence[tuple[bytes, int]]
"""New rows: their fingerprints and their pks."""


class RecentEntries:
    """The rows that one server process has added and may count up, by fingerprint; at most so many.

    When it is full, rows stay until their hour is over, and other entries are not counted: if new rows pushed out older
    ones, none would still be there when its repetition comes.
    """

    def __init__(self, most: int = _MOST_ROWS) -> None:
        self._most = most
        self._rows: dict[bytes, tuple[str, int]] = {}  # the oldest first

    def among(self, fingerprints: Iterable[bytes], at: str) -> dict[bytes, int]:
        """Gives the pks of those that may be counted up at that time."""
        earliest = before(at, COUNTED_FOR)
        rows = ((fingerprint, self._rows.get(fingerprint)) for fingerprint in fingerprints)
        return {fingerprint: row[1] for fingerprint, row in rows if row is not None and earliest < row[0] <= at}

    def remember(self, at: str, new: New) -> None:
        """Takes in rows that are committed."""
        earliest = before(at, COUNTED_FOR)
        for fingerprint, pk in new:
            self._rows.pop(fingerprint, None)
            while len(self._rows) >= self._most:
                oldest = next(iter(self._rows))
                if earliest < self._rows[oldest][0] <= at:
                    return
                del self._rows[oldest]
            self._rows[fingerprint] = (at, pk)


async def record(tx: Transaction, at: str, entries: Sequence[AuditRecord], recent: RecentEntries) -> New:
    """Counts entries in the rows of equal ones, and adds the others; gives the new rows, for `RecentEntries.remember`.

    The passwords may leave, and the rows be remembered, when the transaction is committed, and not before.
    """
    await keep_sets(tx, at, entries)
    equal: dict[bytes, list[AuditRecord]] = defaultdict(list)
    for entry in entries:
        equal[entry.fingerprint].append(entry)
    existing = recent.among(equal, at)
    more: dict[int, list[int]] = defaultdict(list)
    for fingerprint, pk in existing.items():
        more[len(equal[fingerprint])].append(pk)
    gone = [pk for times, pks in more.items() for pk in await _counted(tx, at, times, pks)]
    new = [fingerprint for fingerprint in equal if fingerprint not in existing or existing[fingerprint] in gone]
    if not new:
        return ()
    rows = await tx.fetch(_BEGIN, [equal[fingerprint][0].row(at, len(equal[fingerprint])) for fingerprint in new])
    return [(fingerprint, row[0]) for fingerprint, row in zip(new, rows, strict=True)]


async def _counted(tx: Transaction, at: str, times: int, pks: Sequence[int]) -> Sequence[int]:
    """Counts rows up; gives those that were removed meanwhile."""
    if await tx.execute(_COUNT, {"pks": pks, "more": times, "now": at}) == len(pks):
        return ()
    existing = {row[0] for row in await tx.fetch(_EXISTING, {"pks": pks})}
    return [pk for pk in pks if pk not in existing]
