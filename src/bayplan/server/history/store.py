"""Reads the change log for people, newest first, and removes what is old."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.database import Database, Transaction, fetch_all

_CHANGES = tables.changes.c
_PLACE = sa.tuple_(_CHANGES.version, _CHANGES.position)
Cursor = tuple[int, int]
"""The version and the position of the last entry of a page."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which entries: of one resource, object, author, and time (both ends included); None for any."""

    resource: str | None = None
    pk: int | None = None
    user: str | None = None
    since: str | None = None
    until: str | None = None


async def read(db: Database, wanted: HistoryFilter, limit: int, after: Cursor | None) -> list[sa.Row[Any]]:
    """Gives at most `limit` entries, newest first, those behind `after`."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.resource is not None:
        # Without the index, which would sort all entries of a resource: read backwards, the newest page comes soon.
        resource = _CHANGES.resource if wanted.pk is not None else _CHANGES.resource.concat("")
        conditions.append(resource == wanted.resource)
    if wanted.pk is not None:
        conditions.append(_CHANGES.object == sa.literal(wanted.pk, sa.BigInteger))
    if wanted.user is not None:
        conditions.append(_CHANGES.author == wanted.user)
    if wanted.since is not None:
        conditions.append(_CHANGES.time >= wanted.since)
    if wanted.until is not None:
        conditions.append(_CHANGES.time <= wanted.until)
    if after is not None:
        place = (sa.literal(after[0], sa.BigInteger), sa.literal(after[1], sa.BigInteger))
        conditions.append(sa.tuple_(*place) > _PLACE)
    statement = sa.select(tables.changes).where(*conditions).limit(limit)
    return list(await fetch_all(db, statement.order_by(_CHANGES.version.desc(), _CHANGES.position.desc())))


async def forget(tx: Transaction, at: str, days: int, most: int) -> int:
    """Removes entries older than so many days, the oldest first, at most about `most` of them; gives how many.

    The transaction is in line with the writers, so that the log is always cut in one place. It ends before the first entry
    that is not old: an entry behind that one, written when a clock was late, takes none of those before it along.
    """
    limit = timestamp(datetime.fromisoformat(at) - timedelta(days=days))
    oldest = sa.select(_CHANGES.version, _CHANGES.position, _CHANGES.time)
    rows = await tx.fetch(oldest.order_by(_CHANGES.version, _CHANGES.position).limit(most))
    old = list(takewhile(lambda row: row.time < limit, rows))
    if not old:
        return 0
    version, position = old[-1].version, old[-1].position
    older = sa.or_(_CHANGES.version < version, sa.and_(_CHANGES.version == version, _CHANGES.position <= position))
    return await tx.execute(sa.delete(tables.changes).where(older))
