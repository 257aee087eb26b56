"""Which images are deprecated, and their successors. An image and its lifecycle have one revision.

A chain of successors has an end: no image is in the place of itself, also by way of others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import crud, tables
from bayplan.db.change_entry import ChangeEntry, FieldChanges
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.dialects import folded
from bayplan.db.near_names import Fetch, near
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.names import composed, splits
from bayplan.errors import Conflict, Invalid, NotFound, Problem

_IMAGES = RESOURCE_TYPES["docker"]
_LIFECYCLES, _COLUMNS = tables.lifecycles, tables.images.c
_NAME = _COLUMNS.name + ":" + _COLUMNS.version
_DAY = len("2026-11-29")


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Whether an image is deprecated, since when and why, and the pk of the image to use instead."""

    deprecated: bool = False
    since: str | None = None
    why: str | None = None
    successor: int | None = None

    def values(self) -> dict[str, Any]:
        """Its fields by name."""
        return asdict(self)


async def load(db: Database, image: int) -> tuple[Lifecycle, int]:
    """Gives the lifecycle of an image and its revision; raises `NotFound`."""
    statement = sa.select(_COLUMNS.revision, *_LIFECYCLES.c["image", "since", "why", "successor"])
    joined = statement.select_from(tables.images.outerjoin(_LIFECYCLES, _LIFECYCLES.c.image == _COLUMNS.pk))
    rows = await fetch_all(db, joined.where(_COLUMNS.pk == image))
    if not rows:
        raise NotFound(f"No docker image with pk {image}.")
    revision, deprecated, *fields = rows[0]
    return Lifecycle() if deprecated is None else Lifecycle(True, *fields), int(revision)


async def lifecycles_of(fetch: Fetch, images: Iterable[int]) -> dict[int, Lifecycle]:
    """Gives the lifecycles of those of these images that are deprecated."""
    statement = sa.select(*_LIFECYCLES.c["image", "since", "why", "successor"])
    rows = await fetch(statement.where(_LIFECYCLES.c.image.in_(list(images))))
    return {image: Lifecycle(True, *fields) for image, *fields in rows}


async def change(tx: Transaction, image: int, values: Mapping[str, Any], *, if_match: str | None = None) -> None:
    """Changes the named fields of an image's lifecycle.

    Raises `NotFound`, `Invalid`, `Conflict` or `PreconditionFailed`.
    """
    row = await crud.current_row(tx, _IMAGES, image, if_match)
    crud.check_not_deleted(_IMAGES, row)
    old = (await lifecycles_of(tx.fetch, [image])).get(image, Lifecycle())
    await store(tx, image, old, await changed(tx, image, old, values))
    await check_chain(tx, image)


async def changed(tx: Transaction, image: int, old: Lifecycle, values: Mapping[str, Any]) -> Lifecycle:
    """Gives the lifecycle with these values, whose chain of successors is not checked; raises `Invalid`."""
    fields = {**old.values(), **values}
    if not fields["deprecated"]:
        for name in ("since", "why", "successor"):
            if values.get(name) is not None:
                detail = f"`{name}` is that of a deprecated image: give `deprecated` true with it."
                raise Invalid.at(name, "not_deprecated", detail)
        return Lifecycle()
    today = now()[:_DAY]
    fields["since"] = fields["since"] or today
    if fields["since"] > today:
        raise Invalid.at("since", "in_future", f"`since` can be today ({today}, UTC) or an earlier day.")
    if values.get("successor") is not None:
        fields["successor"] = await successor_named(tx.fetch, values["successor"])
    if fields["successor"] == image:
        raise Invalid.at("successor", "own_successor", "An image cannot be its own successor: name another one.")
    return Lifecycle(**fields)


async def store(tx: Transaction, image: int, old: Lifecycle, new: Lifecycle) -> None:
    """Stores a lifecycle, with an entry in the change log."""
    await tx.execute(sa.delete(_LIFECYCLES).where(_LIFECYCLES.c.image == image))
    if new.deprecated:
        row = {"image": image, "since": new.since, "why": new.why, "successor": new.successor}
        await tx.execute(sa.insert(_LIFECYCLES), row)
    await _log(tx, image, differences(old, new))


async def check_chain(tx: Transaction, image: int) -> None:
    """Raises `Conflict` where the chain of an image's successors leads back to it."""
    chain = sa.select(_LIFECYCLES.c.successor).where(_LIFECYCLES.c.image == image).cte("chain", recursive=True)
    chain = chain.union(sa.select(_LIFECYCLES.c.successor).where(_LIFECYCLES.c.image == chain.c.successor))
    if await tx.fetch(sa.select(chain.c.successor).where(chain.c.successor == image)):
        detail = "The successor's own successors lead back to this image: clear one of them first."
        raise Conflict(
            detail, code="successors_in_circle", problems=[Problem("successor", "successors_in_circle", detail)]
        )


async def names_of(fetch: Fetch, images: Iterable[int]) -> dict[int, str]:
    """Gives the name and version of each of these images, as a reference of theirs is written."""
    rows = await fetch(sa.select(_COLUMNS.pk, _NAME).where(_COLUMNS.pk.in_(list(images))))
    return {row[0]: row[1] for row in rows}


async def clear_successor(tx: Transaction, successor: int) -> None:
    """Takes an image that goes out of the lifecycles that name it; each has its entry in the change log."""
    rows = await tx.fetch(sa.select(_LIFECYCLES.c.image).where(_LIFECYCLES.c.successor == successor))
    if not rows:
        return
    await tx.execute(sa.update(_LIFECYCLES).where(_LIFECYCLES.c.successor == successor).values(successor=None))
    for (image,) in rows:
        await _log(tx, image, {"lifecycle.successor": (successor, None)})


def differences(old: Lifecycle, new: Lifecycle) -> FieldChanges:
    """Gives the fields that differ, by their names in the change log."""
    before, after = old.values(), new.values()
    return {f"lifecycle.{name}": (before[name], after[name]) for name in before if before[name] != after[name]}


async def successor_named(fetch: Fetch, key: int | str) -> int:
    """Gives the pk of the image with that key, or that name and version; raises `Invalid`, which names the nearest ones."""
    is_there = _COLUMNS.deletion_time.is_(None)
    if isinstance(key, int):
        rows = await fetch(sa.select(_COLUMNS.pk).where(_COLUMNS.pk == key, is_there))
        if rows:
            return key
        raise Invalid.at("successor", "unknown_reference", f"No docker image with pk {key} that is not deleted.")
    text = composed(key)
    pairs = [sa.and_(_COLUMNS.name == name, _COLUMNS.version == version) for name, version in splits(text)]
    named = sa.select(_COLUMNS.pk, _NAME).order_by(_NAME, _COLUMNS.pk)
    rows = await fetch(named.where(sa.or_(*pairs), is_there)) if pairs else []
    if not rows:
        in_any_case = folded(_NAME).in_([f"{name}:{version}".lower() for name, version in splits(text)])
        rows = await fetch(named.where(in_any_case, is_there))
    if len(rows) == 1:
        return int(rows[0][0])
    if rows:
        which = ", ".join(f"{name} ({pk})" for pk, name in rows[:5])
        detail = f"'{key}' may be any of {len(rows)} images; give the name or the pk of one of them: {which}."
        raise Invalid.at("successor", "ambiguous_reference", detail)
    meant = await near(fetch, sa.case((is_there, _NAME), else_=""), key)
    remedy = meant or "give a pk, or a name and a version such as 'pytorch:2.7.1'; /v1/docker/list shows them all."
    raise Invalid.at("successor", "unknown_reference", f"No docker image '{key}'; {remedy}")


async def _log(tx: Transaction, image: int, changes: FieldChanges) -> None:
    await tx.execute(sa.update(tables.images).where(_COLUMNS.pk == image).values(revision=tx.version))
    tx.log(ChangeEntry(_IMAGES.name, image, "change", changes))
