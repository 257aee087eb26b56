"""Which images are to be looked at in their registries, and by whom.

Whoever looks first moves `due` on by a lease: that claims the image, and a process that dies delays it and loses nothing.
No statement here waits for a row while it holds another that somebody may want, except in the order of keys.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.crud import check_not_deleted
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.reference import located
from bayplan.errors import Invalid, NotFound
from bayplan.server.audit import store as audit_store

_CHECKS, _IMAGES = tables.checks, tables.images
Row = dict[str, Any]

AUDITED_AS = "check"
_ROWS_AT_ONCE = 100  # in one statement: what the event loop can wait for


@dataclass(frozen=True, slots=True)
class CheckClaim:
    """An image to look at: where it lies, and what the catalogue stands by; its password, encrypted, shows in no text."""

    image: int
    url: str
    registry: str
    username: str | None
    password: str | None = field(repr=False)
    digest: str | None
    found: str | None
    state: str | None
    until: str = ""
    """The lease: whose `due` is still this, is still claimed."""
    moment: str = ""
    chance: float = 0.5
    """Of all that were claimed at once, so that they come due at once again and are one set in the audit trail."""


async def enrol(db: Database, due: str | None, most: int) -> int:
    """Adds images that are not deleted and were never looked at, at most so many; gives how many."""
    statement = (
        sa.select(_IMAGES.c.pk, _IMAGES.c.url, _IMAGES.c.registry, tables.inspections.c.digest)
        .select_from(_IMAGES)
        .outerjoin(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk)
        .outerjoin(tables.inspections, tables.inspections.c.image == _IMAGES.c.pk)
        .where(_CHECKS.c.image.is_(None), _IMAGES.c.deletion_time.is_(None))
        .order_by(_IMAGES.c.pk)
        .limit(most)
    )
    found = await fetch_all(db, statement)
    rows = (
        await asyncio.to_thread(lambda: [new_row(row.pk, row.url, row.registry, row.digest, due) for row in found])
        if found
        else []
    )
    if rows:
        async with db.write(moves=False) as tx:
            for some in slices(rows):
                await tx.execute(ENROL, some)
                await asyncio.sleep(0)
    return len(rows)


async def enrol_one(db: Database, pk: int, now: str) -> CheckClaim:
    """Gives an image to look at now; raises `NotFound`, and `Conflict` for a deleted one.

    That its log-in goes to its registry is in the audit trail.
    """
    rows = await fetch_all(db, sa.select(_IMAGES).where(_IMAGES.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    check_not_deleted(RESOURCE_TYPES["docker"], dict(rows[0]._mapping))
    inspected = await fetch_all(db, sa.select(tables.inspections.c.digest).where(tables.inspections.c.image == pk))
    row = new_row(pk, rows[0].url, rows[0].registry, inspected[0].digest if inspected else None, None)
    async with db.write(moves=False) as tx:
        await tx.execute(ENROL, [row])
        found = await tx.fetch(_CLAIMED.where(_CHECKS.c.image == pk))
        if found and found[0].registry_password is not None:
            await audit_store.record(
                tx, now, [audit_store.AuditRecord("registry", row["registry"], None, AUDITED_AS, [pk])]
            )
    if not found:
        raise NotFound(f"No docker image with pk {pk}.")
    return _claim(found[0])


def _claim(row: Any, until: str = "", moment: str = "", chance: float = 0.5) -> CheckClaim:
    return CheckClaim(
        image=row.image,
        url=row.url,
        registry=row.registry,
        username=row.registry_username,
        password=row.registry_password,
        digest=row.digest,
        found=row.found,
        state=row.state,
        until=until,
        moment=moment,
        chance=chance,
    )


def new_row(pk: int, url: str, registry: str, digest: str | None, due: str | None) -> Row:
    """Gives the row of an image that was never looked at: what its url names is what the catalogue stands by."""
    try:
        reference = located(url, registry)
    except Invalid:  # which the look will say
        return {"image": pk, "registry": registry, "digest": digest, "due": due}
    return {"image": pk, "registry": reference.registry, "digest": digest or reference.digest, "due": due}


async def schedule(db: Database, due: str, most: int) -> int:
    """Gives images a time that have none and are not deleted, at most so many; gives how many."""
    chosen = (
        sa.select(_CHECKS.c.image)
        .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
        .where(_CHECKS.c.due.is_(None), _IMAGES.c.deletion_time.is_(None))
        .order_by(_CHECKS.c.image)
        .limit(most)
    )
    pks = await db.fetch(chosen, _firsts)
    if pks:
        async with db.write(moves=False) as tx:
            for some in slices(pks):
                await tx.execute(
                    sa.update(_CHECKS).where(_CHECKS.c.image.in_(some), _CHECKS.c.due.is_(None)).values(due=due)
                )
                await asyncio.sleep(0)
    return len(pks)


async def registries_due(db: Database, now: str, *, asked_only: bool) -> list[str]:
    """Gives the registries that have an image to look at."""
    statement = sa.select(_CHECKS.c.registry).where(*_is_due(now, asked_only)).distinct().order_by(_CHECKS.c.registry)
    return await db.fetch(statement, _firsts)


def _is_due(now: str, asked_only: bool) -> list[sa.ColumnElement[bool]]:
    return [_CHECKS.c.due <= now, *([_CHECKS.c.asked.is_not(None)] if asked_only else [])]


async def claim(
    db: Database, registry: str, now: str, until: str, most: int, *, asked_only: bool, chance: float, sends: bool
) -> list[CheckClaim]:
    """Claims images of a registry that are due, the longest due first.

    Where the claimer `sends` their log-ins to the registry, that is in the audit trail before it can.
    """
    wanted = (
        _CLAIMED.add_columns(_IMAGES.c.deletion_time)
        .where(_CHECKS.c.registry == registry, *_is_due(now, asked_only))
        .order_by(_CHECKS.c.due, _CHECKS.c.image)
        .limit(most)
        .with_for_update(of=_CHECKS, skip_locked=True)
    )
    async with db.write(moves=False) as tx:
        rows = await tx.fetch(wanted)
        live = [row for row in rows if row.deletion_time is None]
        gone = [row.image for row in rows if row.deletion_time is not None]
        if gone:  # one that is brought back gets a time anew
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(gone)).values(due=None, asked=None))
        if live:
            pks = [row.image for row in live]
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(pks)).values(due=until))
        with_log_in = [row.image for row in live if row.registry_password is not None]
        if with_log_in and sends:
            await audit_store.record(
                tx, now, [audit_store.AuditRecord("registry", registry, None, AUDITED_AS, with_log_in)]
            )
    return [_claim(row, until, now, chance) for row in live]


async def release(db: Database, claims: Sequence[CheckClaim], now: str) -> None:
    """Gives claimed images back that were not looked at."""
    if not claims:
        return
    statement = (
        sa.update(_CHECKS)
        .where(_CHECKS.c.image == sa.bindparam("pk"), _CHECKS.c.due == sa.bindparam("until"))
        .values(due=now)
    )
    async with db.write(moves=False) as tx:
        for some in slices(sorted(claims, key=lambda one: one.image)):
            await tx.execute(statement, [{"pk": one.image, "until": one.until} for one in some])


async def make_due(db: Database, registry: str, now: str, leased: str) -> None:
    """Makes the images of a registry due that it did not answer for; those that come by `leased` come anyway."""
    waiting = (_CHECKS.c.registry == registry, _CHECKS.c.state == "unreachable", _CHECKS.c.due > leased)
    chosen = sa.select(_CHECKS.c.image).where(*waiting).order_by(_CHECKS.c.image).limit(_ROWS_AT_ONCE)
    pks: list[int] = [0]
    while pks:
        async with db.write(moves=False) as tx:
            pks = _firsts(await tx.fetch(chosen.with_for_update(skip_locked=True)))
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(pks)).values(due=now))


async def ask(db: Database, at: str, *, not_ok_only: bool) -> int:
    """Makes images due, all that are not deleted or those that are not found to be ok; gives how many."""
    while await enrol(db, None, 500):
        pass
    wanted: list[sa.ColumnElement[bool]] = [_IMAGES.c.deletion_time.is_(None)]
    if not_ok_only:
        wanted.append(sa.or_(_CHECKS.c.state.is_(None), _CHECKS.c.state != "ok"))
    chosen = sa.select(_CHECKS.c.image).join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image).where(*wanted)
    pks = await db.fetch(chosen.order_by(_CHECKS.c.image), _firsts)
    for some in slices(pks):
        async with db.write(moves=False) as tx:
            mine = _CHECKS.c.image.in_(some)
            await tx.fetch(sa.select(_CHECKS.c.image).where(mine).order_by(_CHECKS.c.image).with_for_update())
            await tx.execute(sa.update(_CHECKS).where(mine).values(due=at, asked=at))
    return len(pks)


async def resume(db: Database, now: str) -> None:
    """Makes due what was asked for and is claimed by nobody any more: for a database that no other process works on."""
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.asked.is_not(None)).values(due=now))


def _firsts(rows: Rows) -> list[Any]:
    return [row[0] for row in rows]


def slices(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Gives as many of the items at a time as one statement may take."""
    return (items[start : start + _ROWS_AT_ONCE] for start in range(0, len(items), _ROWS_AT_ONCE))


ENROL = sa.text(
    "INSERT INTO checks (image, registry, digest, due) VALUES (:image, :registry, :digest, :due) ON CONFLICT DO NOTHING"
)
_CLAIMED = sa.select(
    _CHECKS.c.image,
    _IMAGES.c.url,
    _IMAGES.c.registry,
    _IMAGES.c.registry_username,
    _IMAGES.c.registry_password,
    _CHECKS.c.digest,
    _CHECKS.c.found,
    _CHECKS.c.state,
).join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
