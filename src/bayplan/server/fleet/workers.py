"""Workers as pages show them: a part of the list with their nodes, and one by its name."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all
from bayplan.errors import NotFound

_WORKERS, _HELD, _NODES = tables.workers.c, tables.worker_nodes.c, tables.nodes.c
_OF_WORKER = ("worker", "ip", "joined", "fault")
_OF_NODE = ("pk", "index", "last_seen", "gpu_name", "driver_version", "toolkit_version")

Object = dict[str, Any]


async def page(
    db: Database, text: str, limit: int, offset: int, *, with_fault: bool = False
) -> tuple[list[Object], int]:
    """Gives a part of the workers whose name or address has a text, by address, each with its nodes; and how many there are.

    `with_fault`: only those with a fault.
    """
    has_text = sa.or_(_WORKERS.name.icontains(text, autoescape=True), _WORKERS.ip.icontains(text, autoescape=True))
    conditions = [*([has_text] if text else []), *([_WORKERS.fault.is_not(None)] if with_fault else [])]
    total = (await fetch_all(db, sa.select(sa.func.count()).select_from(tables.workers).where(*conditions)))[0][0]
    return await _workers(db, conditions, limit, offset), total


async def worker(db: Database, name: str) -> Object:
    """Gives the worker of a name, or that at an address, with its nodes; raises `NotFound`."""
    # Names are printable; a path may have characters that no database takes.
    for column in (_WORKERS.name, _WORKERS.ip) if name.isprintable() else ():
        existing = await _workers(db, [column == name], 1, 0)
        if existing:
            return existing[0]
    raise NotFound(f"There is no worker '{name[:100]}': /nodes/workers lists all workers.")


async def _workers(db: Database, conditions: Sequence[sa.ColumnElement[bool]], limit: int, offset: int) -> list[Object]:
    shown = (_WORKERS.pk, _WORKERS.name, _WORKERS.ip, _WORKERS.joined, _WORKERS.fault)
    statement = sa.select(*shown).where(*conditions).order_by(_WORKERS.ip, _WORKERS.pk).limit(limit).offset(offset)
    workers: dict[int, Object] = {
        row[0]: {**dict(zip(_OF_WORKER, row[1:], strict=True)), "nodes": [], "last_seen": None}
        for row in await fetch_all(db, statement)
    }
    held = (
        sa.select(_HELD.worker, *(_NODES[name] for name in _OF_NODE))
        .join_from(tables.worker_nodes, tables.nodes)
        .where(_HELD.worker.in_(list(workers)))
        .order_by(_NODES.index, _NODES.pk)
    )
    for row in await fetch_all(db, held):
        node, its_worker = dict(zip(_OF_NODE, row[1:], strict=True)), workers[row[0]]
        its_worker["nodes"].append(node)
        its_worker["last_seen"] = max(its_worker["last_seen"] or "", node["last_seen"] or "") or None
    return list(workers.values())
