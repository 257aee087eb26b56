"""The facts of an image beyond its fields, and their origins: staff's entries take precedence over the registry's."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.db import crud, tables
from bayplan.db.change_entry import ChangeEntry, FieldChanges
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.facts import REGISTRY, STAFF
from bayplan.errors import NotFound


async def enter_facts(tx: Transaction, pk: int, values: Mapping[str, Any], *, if_match: str | None = None) -> None:
    """Stores staff's facts about an image, None removes an entry; raises `NotFound`, `Conflict`, `PreconditionFailed`."""
    resource_type = RESOURCE_TYPES["docker"]
    crud.check_not_deleted(resource_type, await crud.current_row(tx, resource_type, pk, if_match))
    table = tables.image_facts
    old = await _values(tx, pk, STAFF)
    for name, value in values.items():
        staff_entry = (table.c.image == pk, table.c.name == name, table.c.origin == STAFF)
        await tx.execute(sa.delete(table).where(*staff_entry))
        if value is not None:
            await tx.execute(sa.insert(table), {"image": pk, "name": name, "origin": STAFF, "value": value})
    await _move(tx, pk)
    tx.entries.append(
        ChangeEntry("docker", pk, "change", differences({name: old.get(name) for name in values}, values))
    )


async def replace_registry_facts(tx: Transaction, pk: int, values: Mapping[str, Any]) -> FieldChanges:
    """Replaces an image's facts from its registry; staff's entries stay, and take precedence.

    Gives which of the registry's facts changed, for the change log.
    """
    table = tables.image_facts
    old = await _values(tx, pk, REGISTRY)
    await tx.execute(sa.delete(table).where(table.c.image == pk, table.c.origin == REGISTRY))
    rows = [{"image": pk, "name": name, "origin": REGISTRY, "value": value} for name, value in values.items()]
    if rows:
        await tx.execute(sa.insert(table), rows)
    await _move(tx, pk)
    return differences(old, values)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> FieldChanges:
    """Gives the facts that differ, by their names in the change log."""
    names = sorted(before.keys() | after.keys())
    values = {name: (before.get(name), after.get(name)) for name in names}
    return {f"facts.{name}": pair for name, pair in values.items() if pair[0] != pair[1]}


async def _values(tx: Transaction, pk: int, origin: str) -> dict[str, Any]:
    table = tables.image_facts
    rows = await tx.fetch(sa.select(table.c.name, table.c.value).where(table.c.image == pk, table.c.origin == origin))
    return {row.name: row.value for row in rows}


async def _move(tx: Transaction, pk: int) -> None:
    await tx.execute(sa.update(tables.images).where(tables.images.c.pk == pk).values(revision=tx.version))


async def revision(db: Database, pk: int) -> int:
    """Gives the revision of an image, which its facts share; raises `NotFound`."""
    rows = await fetch_all(db, sa.select(tables.images.c.revision).where(tables.images.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    return int(rows[0][0])
