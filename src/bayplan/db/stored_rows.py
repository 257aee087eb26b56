"""Rows of a resource as the store has them: read, added, changed and removed by statements that are compiled once.

What runs in every write is one of these; SQLAlchemy would spend several times longer on each than the database does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db.compiled import CompiledStatement
from bayplan.db.keyring import Keyring
from bayplan.db.resource_types import RESOURCE_TYPES, Kind, ResourceType, referrers
from bayplan.db.tables.columns import JsonText
from bayplan.domain.versions import sort_key

Row = dict[str, Any]


def _pk_parameter() -> sa.BindParameter[int]:
    return sa.bindparam("this_pk", type_=sa.BigInteger)


def _bind(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(f"new_{column.name}", type_=column.type)


@lru_cache(maxsize=64)
def by_pk(resource: str) -> CompiledStatement:
    """Gives the statement that reads the row with the pk `this_pk`, all columns in the table's order."""
    table = RESOURCE_TYPES[resource].table
    return CompiledStatement(sa.select(table).where(table.c.pk == _pk_parameter()))


@lru_cache(maxsize=64)
def with_same_key(resource: str) -> CompiledStatement:
    """Gives the statement that finds another live row with the natural key of `new_<column>`; `this_pk` is not another."""
    resource_type = RESOURCE_TYPES[resource]
    same = [resource_type.column(key) == _bind(resource_type.column(key)) for key in resource_type.natural_keys]
    if resource_type.soft_delete is not None:
        same.append(resource_type.column(resource_type.soft_delete).is_(None))
    pk = resource_type.column("pk")
    return CompiledStatement(sa.select(pk).where(*same, pk != _pk_parameter()).limit(1))


@lru_cache(maxsize=64)
def addition(resource: str) -> CompiledStatement:
    """Gives the INSERT of a row of `new_<column>`, which gives its pk."""
    table = RESOURCE_TYPES[resource].table
    values = {column: _bind(column) for column in table.columns if column.name != "pk"}
    return CompiledStatement(sa.insert(table).values(values).returning(table.c.pk))


@lru_cache(maxsize=512)
def update(resource: str, names: Sequence[str]) -> CompiledStatement:
    """Gives the UPDATE of the row with the pk `this_pk` that sets these columns to `new_<column>`."""
    table = RESOURCE_TYPES[resource].table
    values = {table.c[name]: _bind(table.c[name]) for name in names}
    return CompiledStatement(sa.update(table).where(table.c.pk == _pk_parameter()).values(values))


@lru_cache(maxsize=64)
def removal(resource: str) -> CompiledStatement:
    """Gives the DELETE of the row with the pk `this_pk`."""
    table = RESOURCE_TYPES[resource].table
    return CompiledStatement(sa.delete(table).where(table.c.pk == _pk_parameter()))


@lru_cache(maxsize=64)
def uses(resource: str) -> Sequence[tuple[ResourceType, CompiledStatement]]:
    """Gives for each reference to the resource who holds it, and the statement that counts those to the pk `this_pk`."""
    return [
        (
            holder,
            CompiledStatement(
                sa.select(sa.func.count()).select_from(holder.table).where(holder.column(field.name) == _pk_parameter())
            ),
        )
        for holder, field in referrers(resource)
    ]


@lru_cache(maxsize=64)
def _columns(resource: str) -> tuple[tuple[str, ...], tuple[tuple[str, Callable[[Any], Any]], ...]]:
    """The table's columns, and what makes Python's values of those that a driver gives otherwise."""
    columns = RESOURCE_TYPES[resource].table.columns
    readers: list[tuple[str, Callable[[Any], Any]]] = []
    for column in columns:
        if isinstance(column.type, JsonText):
            readers.append((column.name, orjson.loads))
        elif isinstance(column.type, sa.Boolean):
            readers.append((column.name, bool))
    return tuple(column.name for column in columns), tuple(readers)


def row_of(resource_type: ResourceType, values: Iterable[Any]) -> Row:
    """Gives a row that `by_pk` read, by column."""
    names, readers = _columns(resource_type.name)
    row: Row = dict(zip(names, values, strict=True))
    for name, read in readers:
        if row[name] is not None:
            row[name] = read(row[name])
    return row


def parameters(
    resource_type: ResourceType, row: Mapping[str, Any], keyring: Keyring, old: Mapping[str, Any] | None = None
) -> Row:
    """Gives a row's columns as parameters: sort keys of versions beside them, JSON as text, new secrets encrypted."""
    stored = dict(row)
    for field in resource_type.fields:
        value = row.get(field.name)
        if field.kind is Kind.VERSION and f"{field.name}_key" in resource_type.table.c:
            stored[f"{field.name}_key"] = None if value is None else sort_key(value)
        elif field.kind is Kind.SECRET and value is not None and (old is None or value != old[field.name]):
            stored[field.name] = keyring.encrypt(value)
    for name, read in _columns(resource_type.name)[1]:
        if read is orjson.loads and stored[name] is not None:
            stored[name] = orjson.dumps(stored[name]).decode()
    return {f"new_{name}": value for name, value in stored.items()}
