"""The nodes as the judge sees them, and what they are called."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, Rows
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_facts import API_NAMES, node_from
from bayplan.domain.node_names import NodeName

_MOST_CHANGED = 200
_CHANGED = tables.nodes.alias()
_SAME_MACHINE = tables.nodes.alias()
_MACHINE_GPUS = (
    sa.select(sa.func.count())
    .where(
        _SAME_MACHINE.c.ip == tables.nodes.c.ip,
        sa.or_(
            *(
                _SAME_MACHINE.c[name].is_not(None)
                for name in ("driver_version", "gpu_name", "compute_capability", "target")
            )
        ),
    )
    .scalar_subquery()
)
_FACT_COLUMNS = tuple(column for column in tables.nodes.c if column.name in API_NAMES)
_NODES = (
    sa.select(tables.nodes.c.pk, *_FACT_COLUMNS, _MACHINE_GPUS, tables.hardware.c.generation)
    .select_from(tables.nodes.outerjoin(tables.hardware, tables.hardware.c.pk == tables.nodes.c.hardware_generation))
    .order_by(tables.nodes.c.pk)
)
_FACT_NAMES = (*(column.name for column in _FACT_COLUMNS), "machine_gpus")
_FLAGS = tuple(column.name for column in _FACT_COLUMNS if isinstance(column.type, sa.Boolean))
_ALL_NODES = CompiledStatement(_NODES)
_ONE_NODE = CompiledStatement(_NODES.where(tables.nodes.c.pk == sa.bindparam("pk", type_=sa.BigInteger)))
_NODES_OF_WORKER = CompiledStatement(
    _NODES.where(
        tables.nodes.c.pk.in_(
            sa.select(tables.worker_nodes.c.node).where(
                tables.worker_nodes.c.worker == sa.bindparam("worker", type_=sa.BigInteger)
            )
        )
    )
)


async def load_nodes(db: Database, pk: int | None = None, *, worker: int | None = None) -> list[tuple[int, Node]]:
    """Gives the nodes by pk; only the one with that `pk`, or those of that `worker`, where it is given."""
    if pk is not None:
        return await db.fetch(_ONE_NODE, _nodes, {"pk": pk})
    if worker is not None:
        return await db.fetch(_NODES_OF_WORKER, _nodes, {"worker": worker})
    return await db.fetch(_ALL_NODES, _nodes)


def _nodes(rows: Rows) -> list[tuple[int, Node]]:
    alike: dict[tuple[Any, ...], Node] = {}  # one for all nodes with the same facts
    nodes = []
    for pk, *facts in rows:
        key = tuple(facts)
        node = alike.get(key)
        if node is None:
            node = alike[key] = _node(facts)
        nodes.append((pk, node))
    return nodes


def _node(facts: Sequence[Any]) -> Node:
    *known, generation = facts
    values = dict(zip(_FACT_NAMES, known, strict=True))
    for name in _FLAGS:
        values[name] = None if values[name] is None else bool(values[name])
    return node_from(values, generation)


_NAMES = sa.select(*(tables.nodes.c[name] for name in ("pk", "ip", "index", "hostname", "gpu_name")))
_ALL_NAMES = CompiledStatement(_NAMES)


async def load_names(db: Database) -> dict[int, NodeName]:
    """Gives what every node is called, by pk."""
    return await db.fetch(_ALL_NAMES, _names)


def _names(rows: Rows) -> dict[int, NodeName]:
    return {row[0]: NodeName(*row) for row in rows}


@dataclass(frozen=True, slots=True)
class LoadedNodes:
    """All nodes, and what each is called, by pk."""

    nodes: Mapping[int, Node]
    names: Mapping[int, NodeName]


async def load_named_nodes(db: Database, last: LoadedNodes | None, changed: Collection[int]) -> LoadedNodes:
    """Gives all nodes with their names; from earlier ones only what has changed since is read, where that is little."""
    if last is None or len(changed) > _MOST_CHANGED:
        return LoadedNodes(dict(await load_nodes(db)), await load_names(db))
    columns = tables.nodes.c
    # Each node has the number of GPUs of its machine: that of the machine which a node left changes too.
    left = {last.names[pk].ip for pk in changed if pk in last.names}
    is_of_machine = sa.or_(
        columns.ip.in_(sa.select(_CHANGED.c.ip).where(_CHANGED.c.pk.in_(changed))), columns.ip.in_(left)
    )
    names = await db.fetch(_NAMES.where(is_of_machine), _names)
    nodes = await db.fetch(_NODES.where(is_of_machine), _nodes)
    gone = frozenset(changed) - names.keys()
    return LoadedNodes(
        {pk: node for pk, node in {**last.nodes, **dict(nodes)}.items() if pk not in gone},
        {pk: name for pk, name in {**last.names, **names}.items() if pk not in gone},
    )
