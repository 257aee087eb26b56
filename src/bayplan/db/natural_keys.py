"""How a text names a row (`"12.4"`, `"PyTorch 2.4"`, `"MIT"`), and the pk that it stands for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Transaction
from bayplan.db.dialects import elements_of, folded
from bayplan.db.near_names import Fetch, framework_meant, near
from bayplan.db.resource_types import RESOURCE_TYPES, Field
from bayplan.domain.names import composed
from bayplan.errors import Problem

Clause = sa.ColumnElement[bool]


def _any_element(column: sa.Column[Any], text: str) -> Clause:
    each = elements_of(column).table_valued("value")
    return sa.exists().where(folded(each.c.value) == text.lower()).correlate(column.table)


def _is(*columns: sa.Column[Any]) -> Callable[[str], Clause]:
    return lambda text: sa.or_(*(folded(column) == text.lower() for column in columns))


# For each resource: the condition that a text names a row, and which row where several match (the first in this order).
_NAMED: Mapping[str, tuple[Callable[[str], Clause], Sequence[sa.ColumnElement[Any]]]] = {
    # "12.4" is the newest 12.4.x: the one that asks most of a driver.
    "cuda": (_is(tables.cuda.c.full_version, tables.cuda.c.version), [tables.cuda.c.full_version_key.desc()]),
    "hardware": (_is(tables.hardware.c.generation), [tables.hardware.c.min_compute_capability]),
    "frameworks": (
        lambda text: folded(tables.frameworks.c.name + " " + tables.frameworks.c.version) == text.lower(),
        [tables.frameworks.c.pk],
    ),
    "domains": (_is(tables.domains.c.name), [tables.domains.c.pk]),
    "licences": (
        lambda text: sa.or_(
            folded(tables.licences.c.name) == text.lower(), _any_element(tables.licences.c.aliases, text)
        ),
        [tables.licences.c.pk],
    ),
    "users": (_is(tables.users.c.username), [tables.users.c.pk]),
}

_EXAMPLES: Mapping[str, str] = {
    "cuda": "12.4.1",
    "hardware": "Ampere",
    "frameworks": "PyTorch 2.4.1",
    "domains": "od",
    "licences": "Apache-2.0",
}


def names(target: str, text: str) -> Clause:
    """Gives the condition on the table of `target` that its row goes by the name `text`, whatever the case."""
    return _NAMED[target][0](composed(text))


def _name_column(target: str) -> sa.ColumnElement[str]:
    columns = [RESOURCE_TYPES[target].column(key) for key in RESOURCE_TYPES[target].natural_keys]
    name: sa.ColumnElement[str] = columns[0]
    for column in columns[1:]:
        name = name + " " + sa.cast(column, sa.Text)
    return name


async def resolve_in(tx: Transaction, field: Field, key: int | str) -> tuple[int | None, Problem | None]:
    """Gives the same within a write, which remembers the pks that were looked up by earlier ones."""
    assert field.target is not None
    pk = tx.names.get((field.target, key))
    if pk is not None:
        return pk, None
    pk, problem = await resolve(tx.fetch, field, key)
    if pk is not None:
        tx.names[field.target, key] = pk
    return pk, problem


async def resolve(
    fetch: Fetch, field: Field, key: int | str, *, looks_further: bool = True
) -> tuple[int | None, Problem | None]:
    """Gives the pk that `key` stands for in `field`, or what is wrong with it; `fetch` runs the query.

    `looks_further` takes frameworks by other spellings, and names the nearest names; that takes some milliseconds.
    """
    assert field.target is not None
    resource_type = RESOURCE_TYPES[field.target]
    exact: Clause
    if isinstance(key, int):
        statement = sa.select(resource_type.column("pk")).where(resource_type.column("pk") == key)
    else:
        condition, order = _NAMED[field.target]
        exact = _name_column(field.target) == key
        statement = (
            sa.select(resource_type.column("pk"))
            .where(condition(key))
            .order_by(sa.case((exact, 0), else_=1), *order)
            .limit(1)
        )
    rows = await fetch(statement)
    if rows:
        return int(rows[0][0]), None
    meant = ""
    if isinstance(key, str) and looks_further:
        if field.target == "frameworks":
            pk, meant = await framework_meant(fetch, key)
            if pk is not None:
                return pk, None
        meant = meant or await near(fetch, _name_column(field.target), key)
    key_text = f"with pk {key}" if isinstance(key, int) else f"named '{key}'"
    remedy = f"; {meant}" if meant else f": write a pk, or a name such as '{_EXAMPLES[field.target]}'."
    detail = f"No {resource_type.singular} {key_text}{remedy} /v1/{resource_type.name}/list lists them all."
    return None, Problem(field.name, "unknown_reference", detail)
