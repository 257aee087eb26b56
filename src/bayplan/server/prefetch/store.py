"""Prefetch rules in the database: their filters are checked when they are written, and compiled once for each version.

The images of a rule depend on the catalogue alone, so they are read once for each version of it. A single query
gives which rules apply to a worker's nodes, however many there are.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.db.principal import EVERYBODY
from bayplan.db.query import conjunction, order_by, where
from bayplan.db.resource_types import RESOURCE_TYPES, ResourceType
from bayplan.domain.prefetch import PrefetchRule
from bayplan.errors import Invalid
from bayplan.schemas.filters import LARGE, Both, Either, Expression, Filter

Compiled = TypeVar("Compiled")
Applying = Mapping[int, tuple[int, ...]]
"""The nodes by pk, with the places of the rules that apply to each; nodes that no rule applies to as well."""

NODES, IMAGES = RESOURCE_TYPES["nodes"], RESOURCE_TYPES["docker"]
_FILTERED = {"nodes": NODES, "images": IMAGES}
# Expressions in one statement: far below the number of parameters that both databases take.
_EXPRESSIONS_AT_ONCE = 1_000

_log = logging.getLogger("bayplan")


async def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Gives the values of a rule unchanged; raises `Invalid` at the wrong place in `nodes` or `images`."""
    for name, resource_type in _FILTERED.items():
        if name in values:
            specification = Filter.model_validate(values[name])
            if specification.is_large:
                await asyncio.to_thread(_check, resource_type, specification, f"{name}.")
            else:
                _check(resource_type, specification, f"{name}.")
    return values


# Everybody reads the rules and their results, so they filter by fields that everybody may filter by.
def _check(resource_type: ResourceType, specification: Filter, at: str) -> None:
    if resource_type.volatile:
        _refuse_volatile(resource_type, specification.expressions, f"{at}expressions")
        for index, order in enumerate(specification.order_by):
            _refuse_field(resource_type, order.field, f"{at}order_by.{index}.field")
    where(resource_type, EVERYBODY, specification, at)
    order_by(resource_type, EVERYBODY, specification.order_by, at)


def _refuse_volatile(resource_type: ResourceType, expressions: Sequence[Expression], at: str) -> None:
    for index, expression in enumerate(expressions):
        if isinstance(expression, Both | Either):
            _refuse_volatile(resource_type, expression.sub_expressions, f"{at}.{index}.sub_expressions")
        else:
            _refuse_field(resource_type, expression.field, f"{at}.{index}.field")


def _refuse_field(resource_type: ResourceType, name: str, at: str) -> None:
    """Raises for a volatile field: it would change the desired images without a new version of the catalogue."""
    if name in resource_type.volatile:
        detail = (
            f"A rule cannot filter by '{name}', because it changes all the time. Filter by another field of the "
            f"{resource_type.singular}."
        )
        raise Invalid.at(at, "wrong_field", detail)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, by their age, with the images that each names."""

    rules: tuple[PrefetchRule, ...]
    conditions: tuple[tuple[CompiledStatement, CompiledStatement, CompiledStatement], ...]

    async def of_worker(self, db: Database, worker: int) -> Applying:
        """Gives which rules apply to each node of a worker."""
        return await self._applying(db, 0, {"worker": worker})

    async def of_node(self, db: Database, node: int) -> Applying:
        """Gives which rules apply to a node."""
        return await self._applying(db, 1, {"node": node})

    async def of_all_workers(self, db: Database) -> Applying:
        """Gives which rules apply to each node of any worker."""
        return await self._applying(db, 2, {})

    async def _applying(self, db: Database, which: int, parameters: Mapping[str, int]) -> Applying:
        result: dict[int, tuple[int, ...]] = {}
        first = 0
        for statements in self.conditions:
            applying = await db.fetch(statements[which], partial(_places, first), parameters)
            for pk, places in applying.items():
                result[pk] = (*result.get(pk, ()), *places)
            first += len(statements[which].statement.selected_columns) - 1
        return result


def _places(first: int, rows: Rows) -> Applying:
    return {row[0]: tuple(place for place, applies in enumerate(row[1:], first) if applies) for row in rows}


async def take(db: Database) -> Rules:
    """Gives the rules as they are now; reads each rule's images by a query of its own."""
    table = tables.prefetch
    stored = await fetch_all(db, sa.select(table.c.name, table.c.nodes, table.c.images).order_by(table.c.pk))
    rules, conditions = [], []
    for row in stored:
        try:
            by_nodes, by_images = Filter.model_validate(row.nodes), Filter.model_validate(row.images)
            listing = await _compiled(_listing, by_images)
            condition = await _compiled(_condition, by_nodes)
        except (
            Invalid,
            ValidationError,
        ) as error:  # a rule of another release of bayplan: the other rules still apply
            _log.warning("The prefetch rule '%s' is left out, because its filters are not valid: %s", row.name, error)
            continue
        rules.append(PrefetchRule(row.name, await db.fetch(listing, lambda rows: tuple(row[0] for row in rows))))
        conditions.append((by_nodes, condition))
    return Rules(tuple(rules), tuple(_statements(conditions)))


async def _compiled(compile_: Callable[[Filter], Compiled], specification: Filter) -> Compiled:
    """Compiles a filter, a large one in a thread."""
    return await asyncio.to_thread(compile_, specification) if specification.is_large else compile_(specification)


def _listing(images: Filter) -> CompiledStatement:
    condition = conjunction(where(IMAGES, EVERYBODY, images))
    order = order_by(IMAGES, EVERYBODY, images.order_by)
    return CompiledStatement(sa.select(IMAGES.column("pk")).where(condition).order_by(*order), is_long=images.is_large)


def _condition(nodes: Filter) -> sa.ColumnElement[bool]:
    return conjunction(where(NODES, EVERYBODY, nodes))


def _statements(
    conditions: Sequence[tuple[Filter, sa.ColumnElement[bool]]],
) -> Iterator[tuple[CompiledStatement, CompiledStatement, CompiledStatement]]:
    """The conditions as columns of a query over nodes, of as many queries as they need."""
    together: list[sa.ColumnElement[int]] = []
    size = 0
    for specification, condition in conditions:
        cost = specification.size + 1
        if together and size + cost > _EXPRESSIONS_AT_ONCE:
            yield _node_queries(together, is_long=size > LARGE)
            together, size = [], 0
        together.append(sa.case((condition, 1), else_=0))
        size += cost
    yield _node_queries(together, is_long=size > LARGE)


def _node_queries(
    columns: Sequence[sa.ColumnElement[int]], *, is_long: bool
) -> tuple[CompiledStatement, CompiledStatement, CompiledStatement]:
    nodes, held = tables.nodes, tables.worker_nodes
    named = (column.label(f"r{place}") for place, column in enumerate(columns))
    statement = sa.select(nodes.c.pk, *named).order_by(nodes.c.pk)
    joined = statement.select_from(nodes.join(held, held.c.node == nodes.c.pk))
    of_worker = joined.where(held.c.worker == sa.bindparam("worker", type_=sa.BigInteger))
    of_node = statement.where(nodes.c.pk == sa.bindparam("node", type_=sa.BigInteger))
    return (
        CompiledStatement(of_worker, is_long=is_long),
        CompiledStatement(of_node, is_long=is_long),
        CompiledStatement(joined, is_long=is_long),
    )
