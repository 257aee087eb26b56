"""The image inventory of workers, as they last reported it: apart from the catalogue, whose version it does not move.

Each report is complete; only differences are written, so that `at` is the time of the first report of an image in its state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.principal import Principal
from bayplan.errors import NotFound

_INVENTORY, _HELD, _NODES, _WORKERS = tables.holdings, tables.worker_nodes, tables.nodes, tables.workers
_IMAGES = tables.images
# The detail of a failed pull may name the user of the registry credentials, which not everybody sees.
_FOR_STAFF = "The image is pulled with credentials, so only staff see why the pull failed."
_REPORTED = ("state", "digest", "size_bytes", "detail")
Object = dict[str, Any]


async def replace(db: Database, principal: Principal, report: Iterable[Mapping[str, Any]], now: str) -> int:
    """Replaces a worker's inventory, for the images that the catalogue has; gives the number of these.

    Raises `Unauthenticated` for a worker that was revoked meanwhile.
    """
    worker = principal.worker
    new = {entry["image"]: {name: entry.get(name) for name in _REPORTED} for entry in report}
    async with db.write(moves=False, by=principal) as tx:
        # Locked until the end: an image may be removed for good at any time.
        existing: set[int] = set()
        for pks in in_parts(sorted(new)):
            images = sa.select(_IMAGES.c.pk).where(_IMAGES.c.pk.in_(pks)).order_by(_IMAGES.c.pk)
            existing |= {row.pk for row in await tx.fetch(images.with_for_update(key_share=True, read=True))}
        rows = await tx.fetch(sa.select(_INVENTORY).where(_INVENTORY.c.worker == worker))
        old = {row.image: {name: row._mapping[name] for name in _REPORTED} for row in rows}
        gone = [image for image, entry in old.items() if new.get(image) != entry]
        for pks in in_parts(gone):
            await tx.execute(sa.delete(_INVENTORY).where(_INVENTORY.c.worker == worker, _INVENTORY.c.image.in_(pks)))
        fresh = [
            {"worker": worker, "image": image, **entry, "at": now}
            for image, entry in new.items()
            if image in existing and old.get(image) != entry
        ]
        if fresh:
            await tx.execute(sa.insert(_INVENTORY), fresh)
    return len(existing)


async def of_node(db: Database, node: int, *, sees_credentials: bool) -> dict[int, Object]:
    """Gives the inventory of a node's worker, by image, empty where the node has no worker; raises `NotFound`."""
    held = _NODES.outerjoin(_HELD, _HELD.c.node == _NODES.c.pk).outerjoin(_INVENTORY, _joined)
    statement = (
        sa.select(_INVENTORY, _IMAGES.c.registry_username)
        .select_from(held.outerjoin(_IMAGES, _IMAGES.c.pk == _INVENTORY.c.image))
        .where(_NODES.c.pk == node)
    )
    rows = await fetch_all(db, statement)
    if not rows:
        raise NotFound(f"No node with pk {node}.")
    return {row.image: _shown(row, sees_credentials) for row in rows if row.image is not None}


_joined = _INVENTORY.c.worker == _HELD.c.worker


async def of_image(db: Database, image: int, *, sees_credentials: bool) -> dict[int, Object]:
    """Gives the inventory entries of an image, by worker."""
    statement = sa.select(_INVENTORY, _IMAGES.c.registry_username).join(_IMAGES, _IMAGES.c.pk == _INVENTORY.c.image)
    rows = await fetch_all(db, statement.where(_INVENTORY.c.image == image))
    return {row.worker: _shown(row, sees_credentials) for row in rows}


def _shown(row: sa.Row[Any], sees_credentials: bool) -> Object:
    shown = {name: row._mapping[name] for name in (*_REPORTED, "at")}
    if not sees_credentials and row.registry_username is not None and row.state == "failed":
        shown["detail"] = _FOR_STAFF
    return shown


async def workers(db: Database) -> list[Object]:
    """Gives every worker by address: its pk, its name, and its nodes as `(pk, index)` by index."""
    statement = (
        sa.select(_WORKERS.c.pk, _WORKERS.c.name, _WORKERS.c.ip, _NODES.c.pk.label("node"), _NODES.c.index)
        .select_from(_WORKERS.outerjoin(_HELD, _HELD.c.worker == _WORKERS.c.pk).outerjoin(_NODES))
        .order_by(_WORKERS.c.ip, _WORKERS.c.pk, _NODES.c.index)
    )

    def read(rows: Rows) -> list[Object]:
        by_pk: dict[int, Object] = {}
        for pk, name, ip, node, index in rows:
            worker = by_pk.setdefault(pk, {"pk": pk, "worker": name, "ip": ip, "nodes": []})
            worker["nodes"] += [] if node is None else [(node, index)]
        return list(by_pk.values())

    return await db.fetch(statement, read)


async def reports(db: Database) -> dict[int, str]:
    """Gives what every worker has reported, by its pk: "7h,12f", each image with the first letter of its state.

    One row for each worker, since most have the same as others; see `letters`.
    """
    return await db.fetch(_REPORTS, lambda rows: {row[0]: row[1] for row in rows})


class InventorySize(NamedTuple):
    """What a worker's images take on its disk, and when one changed its state last."""

    held_bytes: int
    changed: str | None


async def sizes(db: Database, workers: Sequence[int]) -> dict[int, InventorySize]:
    """Gives the sizes of the inventories of these workers; those that have reported nothing are left out."""

    def read(rows: Rows) -> dict[int, InventorySize]:
        return {worker: InventorySize(int(held or 0), changed) for worker, held, changed in rows}

    return await db.fetch(_SIZES, read, pks_parameter(workers))


async def troubles(db: Database, workers: Sequence[int], *, sees_credentials: bool) -> dict[int, list[Object]]:
    """Gives the images that these workers failed to pull or have no room for, with the reason, by worker and by image."""

    def read(rows: Rows) -> dict[int, list[Object]]:
        by_worker: dict[int, list[Object]] = {}
        for row in rows:
            named = {"image": row.image, "name": row.name, "version": row.version}
            by_worker.setdefault(row.worker, []).append(named | _shown(row, sees_credentials))
        return by_worker

    statement = _TROUBLES.where(_INVENTORY.c.worker.in_(workers)).order_by(_INVENTORY.c.worker, _INVENTORY.c.image)
    return await db.fetch(statement, read)


async def names(db: Database, images: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Gives the name and the version of each of these images."""
    made: dict[int, tuple[str, str]] = {}
    for pks in in_parts(sorted(set(images))):
        statement = sa.select(_IMAGES.c.pk, _IMAGES.c.name, _IMAGES.c.version).where(_IMAGES.c.pk.in_(pks))
        made |= {row.pk: (row.name, row.version) for row in await fetch_all(db, statement)}
    return made


def letters(text: str) -> Iterator[tuple[int, str]]:
    """Gives each image of a report with the first letter of its state: no two states begin alike."""
    for part in text.split(","):
        yield int(part[:-1]), part[-1]


_TEXT = sa.cast(_INVENTORY.c.image, sa.Text) + sa.func.substr(_INVENTORY.c.state, 1, 1)
_REPORTS = CompiledStatement(
    sa.select(_INVENTORY.c.worker, sa.func.aggregate_strings(_TEXT, ",")).group_by(_INVENTORY.c.worker)
)
# What cannot be removed lies on the disk as well.
_TAKES_ROOM = sa.or_(_INVENTORY.c.state == "held", _INVENTORY.c.state == "removing")
_SIZES = CompiledStatement(
    sa.select(
        _INVENTORY.c.worker,
        sa.func.sum(sa.case((_TAKES_ROOM, _INVENTORY.c.size_bytes), else_=0)),
        sa.func.max(_INVENTORY.c.at),
    )
    .where(is_one_of(_INVENTORY.c.worker))
    .group_by(_INVENTORY.c.worker)
)
_TROUBLES = (
    sa.select(_INVENTORY, _IMAGES.c.registry_username, _IMAGES.c.name, _IMAGES.c.version)
    .join(_IMAGES, _IMAGES.c.pk == _INVENTORY.c.image)
    .where(_INVENTORY.c.state.in_(("failed", "no_room")))
)


def in_parts(pks: Sequence[int], most: int = 500) -> Iterable[Sequence[int]]:
    """Gives the pks in parts that each fit into a statement."""
    return (pks[first : first + most] for first in range(0, len(pks), most))
