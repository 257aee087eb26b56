"""The audit log: each time that registry passwords left the server, the recipient, and the images.

An entry refers to a set of images, which is stored once as ranges of pks: workers ask for the same images again and again,
so most entries add one row. Where only the time is new, `dedup` counts instead.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.crud import Page
from bayplan.db.cursor import PK, Cursor, order_name, parameters
from bayplan.db.database import Database, Rows, Transaction
from bayplan.db.stored_values import json_fragment

Kind = Literal["user", "worker", "registry"]
Range = tuple[int, int]

# How long after the first answer an equal one may be counted with it: a row's `last` is never later after its `at`.
COUNTED_FOR = timedelta(hours=1)

# The time of a set's last use is kept to the minute, so that most entries change only their own row.
_NOTED_EVERY = timedelta(minutes=1)
# Sets outlive their entries by longer than a process may take from reading a set to adding an entry with it.
_SETS_STAY = timedelta(days=2)
_ROWS_AT_ONCE = 500
_ORDER = order_name("audit")

_KEEP_SET = sa.text(
    "INSERT INTO audit_sets (digest, ranges, used, given) VALUES (:digest, :ranges, :used, :given) "
    # A clock that is late takes nothing from a set that is in use.
    "ON CONFLICT (digest) DO UPDATE SET "
    "used = CASE WHEN audit_sets.used > excluded.used THEN audit_sets.used ELSE excluded.used END, "
    "given = COALESCE(excluded.given, audit_sets.given)"
)
_KEEP_RANGE = sa.text(
    "INSERT INTO audit_images (digest, first, last) VALUES (:digest, :first, :last) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True)
class AuditRecord:
    """An answer, or a request to a registry, that has passwords.

    `name` is the user's, the worker's, or the registry's host; `images` are the pks of the images with these passwords, none
    for credentials of no image of the catalogue.
    """

    kind: Kind
    name: str
    address: str | None
    action: str
    images: Iterable[int] = ()

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """The images as ranges of pks, both ends inclusive."""
        return tuple(_ranges(sorted(set(self.images))))

    @cached_property
    def text(self) -> str:
        """The ranges as they are stored."""
        return orjson.dumps(self.ranges).decode()

    @cached_property
    def digest(self) -> str | None:
        """The name of the set of images; None for no images."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest() if self.ranges else None

    @property
    def passwords(self) -> int:
        """The number of passwords in it."""
        return sum(last - first + 1 for first, last in self.ranges) or 1

    @property
    def fingerprint(self) -> bytes:
        """A hash of all but the time: equal for entries that may be counted together."""
        content = orjson.dumps((self.kind, self.name, self.address, self.action, self.digest))
        return hashlib.blake2b(content, digest_size=16).digest()

    def row(self, at: str, times: int = 1) -> dict[str, Any]:
        """Gives the stored row."""
        return {
            "at": at,
            "last": at,
            "times": times,
            "kind": self.kind,
            "name": self.name,
            "address": self.address,
            "action": self.action,
            "passwords": self.passwords,
            "images": self.digest,
        }


async def record(tx: Transaction, at: str, entries: Iterable[AuditRecord]) -> None:
    """Adds entries to the audit log: the passwords may leave when the transaction is committed, and not before."""
    entries = list(entries)
    await keep_sets(tx, at, entries)
    if entries:
        await tx.execute(sa.insert(tables.audit), [entry.row(at) for entry in entries])


async def keep_sets(tx: Transaction, at: str, entries: Sequence[AuditRecord]) -> None:
    """Stores new sets, and the last use of the others."""
    sets_used: dict[str, tuple[AuditRecord, bool]] = {}
    for entry in entries:
        if entry.digest is not None:
            _, is_given = sets_used.get(entry.digest, (entry, False))
            sets_used[entry.digest] = (entry, is_given or entry.kind != "registry")
    if not sets_used:
        return
    table = tables.audit_sets
    kept = sa.select(table.c.digest, table.c.used, table.c.given).where(table.c.digest.in_(list(sets_used)))
    existing = {row.digest: row for row in await tx.fetch(kept)}
    recently, today = before(at, _NOTED_EVERY), before(at, timedelta(days=1))
    sets: list[dict[str, Any]] = []
    ranges: list[dict[str, Any]] = []
    # Locked in the same order everywhere, so that two writers of the same sets do not deadlock.
    for digest, (entry, is_given) in sorted(sets_used.items()):
        old = existing.get(digest)
        if old is not None and old.used > recently and not (is_given and (old.given or "") <= recently):
            continue
        sets.append({"digest": digest, "ranges": entry.text, "used": at, "given": at if is_given else None})
        if old is None or old.used < today:  # `forget` may be removing an old set, so it is written again
            ranges += ({"digest": digest, "first": first, "last": last} for first, last in entry.ranges)
    for statement, rows in ((_KEEP_SET, sets), (_KEEP_RANGE, ranges)):
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await tx.execute(statement, rows[start : start + _ROWS_AT_ONCE])


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """A filter of entries by image, kind, name, and a `last` of `since` or later; None for any."""

    image: int | None = None
    kind: str | None = None
    name: str | None = None
    since: str | None = None


async def page(db: Database, audit_filter: AuditFilter, limit: int, offset: int, after: Cursor | None = None) -> Page:
    """Gives entries as JSON, the newest first, and how many there are in all; raises `Invalid` for the cursor of another list.

    An entry that is counted up keeps its place, so that no entry is missed between pages.
    """
    table, ranges = tables.audit, tables.audit_images
    conditions: list[sa.ColumnElement[bool]] = []
    if audit_filter.image is not None:
        sets = sa.select(ranges.c.digest).where(
            ranges.c.first <= audit_filter.image, ranges.c.last >= audit_filter.image
        )
        conditions.append(table.c.images.in_(sets))
    conditions += (
        table.c[name] == value for name in ("kind", "name") if (value := getattr(audit_filter, name)) is not None
    )
    if audit_filter.since is not None:
        conditions += (table.c.last >= audit_filter.since, table.c.at >= before(audit_filter.since, COUNTED_FOR))
    shown = (*(table.c[name] for name in _SHOWN), sa.type_coerce(tables.audit_sets.c.ranges, sa.Text))
    older = () if after is None else (table.c.pk < sa.literal(parameters(after, (), _ORDER)[PK], sa.BigInteger),)
    statement = (
        sa.select(*shown)
        .outerjoin_from(table, tables.audit_sets, tables.audit_sets.c.digest == table.c.images)
        .where(*conditions, *older)
        .order_by(table.c.pk.desc())
        .limit(limit + 1)
        .offset(offset or None)
    )
    count = sa.select(sa.func.count()).select_from(table).where(*conditions)

    def made(rows: Rows) -> Page:
        following = str(Cursor(_ORDER, (), rows[limit - 1][0])) if len(rows) > limit else None
        return Page(_to_json(rows[:limit]), None, following)

    entries = await db.fetch(statement, made)
    return replace(entries, total=await db.fetch(count, lambda rows: int(rows[0][0])))


_SHOWN = ("pk", "at", "last", "times", "kind", "name", "address", "action", "passwords")


def _to_json(rows: Rows) -> bytes:
    return orjson.dumps(
        [dict(zip(_SHOWN, row, strict=False)) | {"images": json_fragment(row[-1] or "[]")} for row in rows]
    )


async def forget(tx: Transaction, at: str, days: int, most: int) -> int:
    """Removes entries older than so many days, and sets that were in none since; gives how many, at most `most` of each."""
    forgotten = 0
    rows, sets = tables.audit.c, tables.audit_sets.c
    for table, indexed, last, age in (
        (tables.audit, rows.at, rows.last, timedelta(days=days)),
        (tables.audit_sets, sets.used, sets.used, timedelta(days=days) + _SETS_STAY),
    ):
        (key,) = table.primary_key.columns
        limit = before(at, age)
        # Server processes that forget at once take turns by rows: none waits for another.
        old = sa.select(key).where(indexed < limit, last < limit).order_by(indexed).limit(most)
        keys = [row[0] for row in await tx.fetch(old.with_for_update(skip_locked=True))]
        if keys:
            # The condition again: a set may have been used since the query.
            await tx.execute(sa.delete(table).where(key.in_(keys), last < limit))
        forgotten += len(keys)
    return forgotten


def _ranges(pks: Iterable[int]) -> Iterator[Range]:
    first = last = None
    for pk in pks:
        if last is not None and pk == last + 1:
            last = pk
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = pk
    if first is not None and last is not None:
        yield first, last


def before(at: str, how_long: timedelta) -> str:
    """Gives the time that is `how_long` before another."""
    return timestamp(datetime.fromisoformat(at) - how_long)
