"""Reads the change log for caches: which objects changed since a version of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, Rows

_CHANGES = tables.changes.c
# The catalogue's version and the entries are of one moment.
_SINCE = CompiledStatement(
    sa.select(tables.catalogue.c.version, _CHANGES.version, _CHANGES.position, _CHANGES.resource, _CHANGES.object)
    .select_from(
        tables.catalogue.outerjoin(tables.changes, _CHANGES.version > sa.bindparam("since", type_=sa.BigInteger))
    )
    .order_by(_CHANGES.version, _CHANGES.position)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class ChangedObjects:
    """The pks of the objects that changed, by resource, and the version of the catalogue that they lead to.

    A reference whose change shows in other objects (a domain's name, a framework's version, a CUDA release) is itself the
    object that changed. Resources are those of the API, and `workers` for machines that joined.
    """

    version: int
    pks: Mapping[str, frozenset[int]]


async def changes_since(db: Database, version: int, *, most: int = MOST_ENTRIES) -> ChangedObjects | None:
    """Gives what changed after that version; None where the log does not reach back so far, or has more than `most` entries."""

    def read(rows: Rows) -> ChangedObjects | None:
        current = int(rows[0][0])
        if rows[0][1] is None:
            return ChangedObjects(current, {}) if current == version else None
        # Every version has entries from position 0 on: where the first is missing, it was forgotten.
        if (rows[0][1], rows[0][2]) != (version + 1, 0) or len(rows) > most:
            return None
        pks: dict[str, set[int]] = {}
        for _, _, _, resource, pk in rows:
            if pk is not None:
                pks.setdefault(resource, set()).add(pk)
        return ChangedObjects(current, {resource: frozenset(changed) for resource, changed in pks.items()})

    return await db.fetch(_SINCE, read, {"since": version, "most": most + 1})
