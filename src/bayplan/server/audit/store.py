"""The audit trail: every time that registry passwords left the server, to whom, and of which images.

An entry names its images by a set of theirs, which is stored once and written as ranges of pks: workers ask for the same
images again and again, so what most entries add is one row; and where nothing is new but the time, `repeated` counts.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.crud import Page
from bayplan.db.database import Database, Rows, Transaction

Kind = Literal["user", "worker", "registry"]
Range = tuple[int, int]

# How long after the first one an equal answer may be counted with it: no row was `last` given longer after its `at`.
COUNTED_FOR = timedelta(hours=1)

# A set says to the minute when it was last used, so that most entries change nothing but their own row.
_NOTED_EVERY = timedelta(minutes=1)
# Sets outlive the entries that name them by more than a process may take from reading one to naming it.
_SETS_STAY = timedelta(days=2)
_ROWS_AT_ONCE = 500

_KEEP_SET = sa.text(
    "INSERT INTO audit_sets (digest, ranges, used, given) VALUES (:digest, :ranges, :used, :given) "
    "ON CONFLICT (digest) DO UPDATE SET used = excluded.used, given = COALESCE(excluded.given, audit_sets.given)"
)
_KEEP_RANGE = sa.text(
    "INSERT INTO audit_images (digest, first, last) VALUES (:digest, :first, :last) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True)
class AuditRecord:
    """One answer, or one question to a registry, that holds passwords.

    `name` is the user's, the worker's, or the registry's host; `images` are the pks of those whose log-ins it holds, none
    for a log-in that is of no image of the catalogue.
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
        """What the set of images is called; None for no images."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest() if self.ranges else None

    @property
    def passwords(self) -> int:
        """How many log-ins it holds."""
        return sum(last - first + 1 for first, last in self.ranges) or 1

    @property
    def sameness(self) -> bytes:
        """What entries have in common that say the same: all but the time, in a few bytes."""
        said = orjson.dumps((self.kind, self.name, self.address, self.action, self.digest))
        return hashlib.blake2b(said, digest_size=16).digest()

    def row(self, at: str, times: int = 1) -> dict[str, Any]:
        """Gives what is stored of it besides its set of images."""
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
    """Adds entries to the trail: the passwords may leave when the transaction is committed, and not before."""
    entries = list(entries)
    await keep_sets(tx, at, entries)
    if entries:
        await tx.execute(sa.insert(tables.audit), [entry.row(at) for entry in entries])


async def keep_sets(tx: Transaction, at: str, entries: Sequence[AuditRecord]) -> None:
    """Stores the sets that are new, and says of the others that they were used."""
    wanted: dict[str, tuple[AuditRecord, bool]] = {}
    for entry in entries:
        if entry.digest is not None:
            _, given = wanted.get(entry.digest, (entry, False))
            wanted[entry.digest] = (entry, given or entry.kind != "registry")
    if not wanted:
        return
    table = tables.audit_sets
    kept = sa.select(table.c.digest, table.c.used, table.c.given).where(table.c.digest.in_(list(wanted)))
    known = {row.digest: row for row in await tx.fetch(kept)}
    recently, today = before(at, _NOTED_EVERY), before(at, timedelta(days=1))
    sets: list[dict[str, Any]] = []
    ranges: list[dict[str, Any]] = []
    # In one order everywhere: two that write the same sets wait for each other, and not in a circle.
    for digest, (entry, given) in sorted(wanted.items()):
        old = known.get(digest)
        if old is not None and old.used > recently and not (given and (old.given or "") <= recently):
            continue
        sets.append({"digest": digest, "ranges": entry.text, "used": at, "given": at if given else None})
        if old is None or old.used < today:  # one that may be on its way out is written anew
            ranges += ({"digest": digest, "first": first, "last": last} for first, last in entry.ranges)
    for statement, rows in ((_KEEP_SET, sets), (_KEEP_RANGE, ranges)):
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await tx.execute(statement, rows[start : start + _ROWS_AT_ONCE])


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: of one image, kind or name, given once more at `since` or later; None for any."""

    image: int | None = None
    kind: str | None = None
    name: str | None = None
    since: str | None = None


async def page(db: Database, wanted: AuditFilter, limit: int, offset: int) -> Page:
    """Gives entries as ready JSON, the one that was begun last first, and how many there are in all.

    What is counted up stays in its place, so that nothing is left out where pages are read one after the other.
    """
    table, ranges = tables.audit, tables.audit_images
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.image is not None:
        sets = sa.select(ranges.c.digest).where(ranges.c.first <= wanted.image, ranges.c.last >= wanted.image)
        conditions.append(table.c.images.in_(sets))
    conditions += (table.c[name] == value for name in ("kind", "name") if (value := getattr(wanted, name)) is not None)
    if wanted.since is not None:
        conditions += (table.c.last >= wanted.since, table.c.at >= before(wanted.since, COUNTED_FOR))
    shown = (*(table.c[name] for name in _SHOWN), sa.type_coerce(tables.audit_sets.c.ranges, sa.Text))
    statement = (
        sa.select(*shown)
        .outerjoin_from(table, tables.audit_sets, tables.audit_sets.c.digest == table.c.images)
        .where(*conditions)
        .order_by(table.c.pk.desc())
        .limit(limit)
        .offset(offset)
    )
    count = sa.select(sa.func.count()).select_from(table).where(*conditions)
    body = await db.fetch(statement, _written)
    return Page(body, await db.fetch(count, lambda rows: int(rows[0][0])))


_SHOWN = ("pk", "at", "last", "times", "kind", "name", "address", "action", "passwords")


def _written(rows: Rows) -> bytes:
    return orjson.dumps(
        [dict(zip(_SHOWN, row, strict=False)) | {"images": orjson.Fragment(row[-1] or "[]")} for row in rows]
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
            # Looked at once more: a set may have been used while it was found.
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
    """Gives the time so long before another."""
    return timestamp(datetime.fromisoformat(at) - how_long)
