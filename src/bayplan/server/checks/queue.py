"""The queue of checks, in the database: due images, and the claims of processes.

A process claims an image by moving `due` on by a lease before it checks: a process that dies delays the image and loses nothing.
No statement here waits for a row while it locks another, except in the order of keys.
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
from bayplan.server.audit import queries as audit_queries

_CHECKS, _IMAGES = tables.checks, tables.images
Row = dict[str, Any]

AUDITED_AS = "check"
_ROWS_PER_STATEMENT = 100  # as many as the event loop handles without a pause


@dataclass(frozen=True, slots=True)
class CheckClaim:
    """An image to check: its reference and credentials, and its state in the catalogue. No text form has the encrypted password."""

    image: int
    url: str
    registry: str
    username: str | None
    password: str | None = field(repr=False)
    digest: str | None
    found: str | None
    state: str | None
    leased: str = ""
    """The end of the lease: an image whose `due` is still this is still claimed."""
    claimed: str = ""
    """When it was claimed, empty where it is in no queue."""
    chance: float = 0.5
    """The same for all images of a claim, so that they come due together again and are one set in the audit log."""


async def enrol(db: Database, due: str | None, most: int) -> int:
    """Adds images that are not deleted and were never checked, at most so many; gives their number."""
    statement = (
        sa.select(_IMAGES.c.pk, _IMAGES.c.url, _IMAGES.c.registry, tables.inspections.c.digest)
        .select_from(_IMAGES)
        .outerjoin(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk)
        .outerjoin(tables.inspections, tables.inspections.c.image == _IMAGES.c.pk)
        .where(_CHECKS.c.image.is_(None), _IMAGES.c.deletion_time.is_(None))
        .order_by(_IMAGES.c.pk)
        .limit(most)
    )
    images = await fetch_all(db, statement)
    if images:
        rows = await asyncio.to_thread(
            lambda: [new_row(image.pk, image.url, image.registry, image.digest, due) for image in images]
        )
        async with db.write(moves=False) as tx:
            for part in slices(rows):
                await tx.execute(ENROL, part)
                await asyncio.sleep(0)
    return len(images)


async def claim_now(db: Database, pk: int, now: str) -> CheckClaim:
    """Gives an image to check now; raises `NotFound`, and `Conflict` for a deleted image.

    The audit log gets an entry: its credentials go to its registry.
    """
    images = await fetch_all(db, sa.select(_IMAGES).where(_IMAGES.c.pk == pk))
    if not images:
        raise NotFound(f"No docker image with pk {pk}.")
    check_not_deleted(RESOURCE_TYPES["docker"], dict(images[0]._mapping))
    inspected = await fetch_all(db, sa.select(tables.inspections.c.digest).where(tables.inspections.c.image == pk))
    row = new_row(pk, images[0].url, images[0].registry, inspected[0].digest if inspected else None, None)
    async with db.write(moves=False) as tx:
        await tx.execute(ENROL, [row])
        rows = await tx.fetch(_CLAIMED.where(_CHECKS.c.image == pk))
        if rows and rows[0].registry_password is not None:
            await audit_queries.record(
                tx, now, [audit_queries.AuditRecord("registry", row["registry"], None, AUDITED_AS, [pk])]
            )
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    return _claim(rows[0])


def _claim(row: Any, leased: str = "", claimed: str = "", chance: float = 0.5) -> CheckClaim:
    return CheckClaim(
        image=row.image,
        url=row.url,
        registry=row.registry,
        username=row.registry_username,
        password=row.registry_password,
        digest=row.digest,
        found=row.found,
        state=row.state,
        leased=leased,
        claimed=claimed,
        chance=chance,
    )


def new_row(pk: int, url: str, registry: str, digest: str | None, due: str | None) -> Row:
    """Gives the first row of an image; without an inspection, the catalogue stands by the digest in its url."""
    try:
        reference = located(url, registry)
    except Invalid:  # the check gives the error
        return {"image": pk, "registry": registry, "digest": digest, "due": due}
    return {"image": pk, "registry": reference.registry, "digest": digest or reference.digest, "due": due}


async def schedule(db: Database, due: str, most: int) -> int:
    """Gives a due time to images that have none and are not deleted, at most so many; gives their number."""
    chosen = (
        sa.select(_CHECKS.c.image)
        .join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image)
        .where(_CHECKS.c.due.is_(None), _IMAGES.c.deletion_time.is_(None))
        .order_by(_CHECKS.c.image)
        .limit(most)
    )
    pks = await db.fetch(chosen, _first_column)
    if pks:
        async with db.write(moves=False) as tx:
            for part in slices(pks):
                await tx.execute(
                    sa.update(_CHECKS).where(_CHECKS.c.image.in_(part), _CHECKS.c.due.is_(None)).values(due=due)
                )
                await asyncio.sleep(0)
    return len(pks)


async def clamp(db: Database, latest: str, due: str, most: int) -> int:
    """Makes images due at `due` whose due time is after `latest`, at most so many; gives their number.

    No claim and no interval reaches as far: a clock was ahead when the time was stored, or the interval was longer.
    """
    chosen = sa.select(_CHECKS.c.image).where(_CHECKS.c.due > latest).order_by(_CHECKS.c.image).limit(most)
    pks = await db.fetch(chosen, _first_column)
    if pks:
        async with db.write(moves=False) as tx:
            for part in slices(pks):
                ahead = (_CHECKS.c.image.in_(part), _CHECKS.c.due > latest)
                await tx.fetch(sa.select(_CHECKS.c.image).where(*ahead).order_by(_CHECKS.c.image).with_for_update())
                await tx.execute(sa.update(_CHECKS).where(*ahead).values(due=due))
                await asyncio.sleep(0)
    return len(pks)


async def registries_due(db: Database, now: str, *, requested_only: bool) -> list[str]:
    """Gives the registries that have an image that is due."""
    statement = (
        sa.select(_CHECKS.c.registry).where(*_is_due(now, requested_only)).distinct().order_by(_CHECKS.c.registry)
    )
    return await db.fetch(statement, _first_column)


def _is_due(now: str, requested_only: bool) -> list[sa.ColumnElement[bool]]:
    return [_CHECKS.c.due <= now, *([_CHECKS.c.asked.is_not(None)] if requested_only else [])]


async def claim(
    db: Database,
    registry: str,
    now: str,
    leased: str,
    most: int,
    *,
    requested_only: bool,
    chance: float,
    sends_credentials: bool,
) -> list[CheckClaim]:
    """Claims images of a registry that are due, the longest due first, until `leased`.

    The audit log has an entry for credentials before they are sent to the registry.
    """
    statement = (
        _CLAIMED.add_columns(_IMAGES.c.deletion_time)
        .where(_CHECKS.c.registry == registry, *_is_due(now, requested_only))
        .order_by(_CHECKS.c.due, _CHECKS.c.image)
        .limit(most)
        .with_for_update(of=_CHECKS, skip_locked=True)
    )
    async with db.write(moves=False) as tx:
        rows = await tx.fetch(statement)
        live = [row for row in rows if row.deletion_time is None]
        deleted = [row.image for row in rows if row.deletion_time is not None]
        if deleted:  # a reinstated image gets a new due time
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(deleted)).values(due=None, asked=None))
        if live:
            pks = [row.image for row in live]
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(pks)).values(due=leased))
        with_credentials = [row.image for row in live if row.registry_password is not None]
        if with_credentials and sends_credentials:
            await audit_queries.record(
                tx, now, [audit_queries.AuditRecord("registry", registry, None, AUDITED_AS, with_credentials)]
            )
    return [_claim(row, leased, now, chance) for row in live]


async def release(db: Database, claims: Sequence[CheckClaim], now: str) -> None:
    """Returns the claims of images that were not checked."""
    if not claims:
        return
    statement = (
        sa.update(_CHECKS)
        .where(_CHECKS.c.image == sa.bindparam("pk"), _CHECKS.c.due == sa.bindparam("leased"))
        .values(due=now)
    )
    async with db.write(moves=False) as tx:
        for part in slices(sorted(claims, key=lambda claim: claim.image)):
            await tx.execute(statement, [{"pk": claim.image, "leased": claim.leased} for claim in part])


async def make_due(db: Database, registry: str, now: str, leased: str) -> None:
    """Makes the images due for which the registry did not answer, except those that are due by `leased` anyway."""
    waiting = (_CHECKS.c.registry == registry, _CHECKS.c.state == "unreachable", _CHECKS.c.due > leased)
    chosen = sa.select(_CHECKS.c.image).where(*waiting).order_by(_CHECKS.c.image).limit(_ROWS_PER_STATEMENT)
    pks: list[int] = [0]
    while pks:
        async with db.write(moves=False) as tx:
            pks = _first_column(await tx.fetch(chosen.with_for_update(skip_locked=True)))
            await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.image.in_(pks)).values(due=now))


async def request(db: Database, at: str, *, not_ok_only: bool) -> int:
    """Makes images due, all that are not deleted or those that are not known to be ok; gives their number."""
    while await enrol(db, None, 500):
        pass
    conditions: list[sa.ColumnElement[bool]] = [_IMAGES.c.deletion_time.is_(None)]
    if not_ok_only:
        conditions.append(sa.or_(_CHECKS.c.state.is_(None), _CHECKS.c.state != "ok"))
    chosen = sa.select(_CHECKS.c.image).join(_IMAGES, _IMAGES.c.pk == _CHECKS.c.image).where(*conditions)
    pks = await db.fetch(chosen.order_by(_CHECKS.c.image), _first_column)
    for part in slices(pks):
        async with db.write(moves=False) as tx:
            in_part = _CHECKS.c.image.in_(part)
            await tx.fetch(sa.select(_CHECKS.c.image).where(in_part).order_by(_CHECKS.c.image).with_for_update())
            await tx.execute(sa.update(_CHECKS).where(in_part).values(due=at, asked=at))
    return len(pks)


async def resume(db: Database, now: str) -> None:
    """Makes all requested images due again, claimed ones too: for a database that no other process uses."""
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(_CHECKS).where(_CHECKS.c.asked.is_not(None)).values(due=now))


def _first_column(rows: Rows) -> list[Any]:
    return [row[0] for row in rows]


def slices(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Gives the items in parts that each fit into a statement."""
    return (items[start : start + _ROWS_PER_STATEMENT] for start in range(0, len(items), _ROWS_PER_STATEMENT))


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
