"""The facts of an image beyond its fields, by name and origin. An image and its facts have one revision."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import FieldChanges
from bayplan.db.database import Transaction
from bayplan.domain.facts import STAFF

_FACTS = tables.image_facts


async def facts_of(tx: Transaction, image: int, origin: str) -> dict[str, Any]:
    """Gives the facts of an image that are of one origin."""
    rows = await tx.fetch(
        sa.select(_FACTS.c.name, _FACTS.c.value).where(_FACTS.c.image == image, _FACTS.c.origin == origin)
    )
    return {row.name: row.value for row in rows}


async def enter(tx: Transaction, image: int, values: Mapping[str, Any]) -> FieldChanges:
    """Stores staff's facts about an image, None removes an entry; gives what changed, for the change log."""
    old = await facts_of(tx, image, STAFF)
    for name, value in values.items():
        entry = (_FACTS.c.image == image, _FACTS.c.name == name, _FACTS.c.origin == STAFF)
        await tx.execute(sa.delete(_FACTS).where(*entry))
        if value is not None:
            await tx.execute(sa.insert(_FACTS), {"image": image, "name": name, "origin": STAFF, "value": value})
    return differences({name: old.get(name) for name in values}, values)


async def replace(tx: Transaction, image: int, origin: str, values: Mapping[str, Any]) -> FieldChanges:
    """Puts these facts in place of all those of the origin; gives what changed, for the change log."""
    old = await facts_of(tx, image, origin)
    await tx.execute(sa.delete(_FACTS).where(_FACTS.c.image == image, _FACTS.c.origin == origin))
    rows = [{"image": image, "name": name, "origin": origin, "value": value} for name, value in values.items()]
    if rows:
        await tx.execute(sa.insert(_FACTS), rows)
    await tx.execute(sa.update(tables.images).where(tables.images.c.pk == image).values(revision=tx.version))
    return differences(old, values)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> FieldChanges:
    """Gives the facts that differ, by their names in the change log."""
    names = sorted(before.keys() | after.keys())
    values = {name: (before.get(name), after.get(name)) for name in names}
    return {f"facts.{name}": pair for name, pair in values.items() if pair[0] != pair[1]}
