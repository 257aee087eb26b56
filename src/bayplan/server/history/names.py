"""The names of the objects in the change log as they are now, and the keys of objects by their names."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import API_TOKENS, WORKERS
from bayplan.db.database import Database, fetch_all
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.names import composed
from bayplan.exports.history_words import NAME_FIELDS
from bayplan.schemas.common import MAX_INTEGER

_TABLES: Mapping[str, sa.Table] = {
    **{name: resource_type.table for name, resource_type in RESOURCE_TYPES.items()},
    WORKERS: tables.workers,
    API_TOKENS: tables.api_tokens,
}


async def names(db: Database, keys: Mapping[str, Iterable[int]]) -> dict[str, dict[int, str]]:
    """Gives the names of the objects of these keys that are there, by resource: one statement for each resource."""
    found: dict[str, dict[int, str]] = {}
    for resource in sorted(keys.keys() & _TABLES.keys()):
        columns, name_fields = _TABLES[resource].c, NAME_FIELDS[resource]
        shown = [columns.pk, *(columns[name] for name in name_fields.fields)]
        rows = await fetch_all(db, sa.select(*shown).where(columns.pk.in_(sorted(keys[resource]))))
        found[resource] = {row[0]: name_fields.separator.join(map(str, row[1:])) for row in rows}
    return found


async def key_named(db: Database, resource: str, text: str) -> int | None:
    """Gives the key of the object of this name, the newest where several have it, deleted ones last; None where none has."""
    if resource not in _TABLES:
        return None
    columns, name_fields = _TABLES[resource].c, NAME_FIELDS[resource]
    parts: list[Any] = (
        text.rsplit(name_fields.separator, len(name_fields.fields) - 1) if name_fields.separator else [text]
    )
    if len(parts) != len(name_fields.fields):
        return None
    conditions: list[sa.ColumnElement[bool]] = []
    for name, part in zip(name_fields.fields, parts, strict=True):
        if not isinstance(columns[name].type, sa.Integer):
            conditions.append(columns[name] == composed(part.strip()))
        elif part.isascii() and part.isdigit() and int(part[:20]) <= MAX_INTEGER:
            conditions.append(columns[name] == int(part))
        else:
            return None
    soft_delete = RESOURCE_TYPES[resource].soft_delete if resource in RESOURCE_TYPES else None
    order = [] if soft_delete is None else [columns[soft_delete].is_not(None)]
    rows = await fetch_all(db, sa.select(columns.pk).where(*conditions).order_by(*order, columns.pk.desc()).limit(1))
    return rows[0][0] if rows else None
