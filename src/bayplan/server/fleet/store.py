"""Workers: the credential of each machine that joined, and its nodes as it reports them.

A machine is identified by its address: joining again from the same address gives the same worker and the same nodes. A report is
complete, so nodes of GPUs that are gone are removed; fields that only staff enter (the container runtime) keep their values.
"""

import datetime
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import crud, tables
from bayplan.db.change_entry import REPLACED, SET, WORKERS, ChangeEntry, object_change
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.keyring import Keyring
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import Conflict, NotFound, Unauthenticated

NODES = RESOURCE_TYPES["nodes"]
_WORKERS, _HELD = tables.workers, tables.worker_nodes
ALIVE_SECONDS = 300
"""How long after its last request a worker's address is refused to machines elsewhere; `bayplan nodes list` says `silent` then."""

NodeColumns = Sequence[Mapping[str, Any]]
"""The nodes of a machine as their columns, each with its `index`; the address is the machine's."""


@dataclass(frozen=True, slots=True)
class JoinedWorker:
    """A worker after it has joined or reported: its name, and its nodes' pks by index."""

    name: str
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportedMachine:
    """A machine as it reports itself, and the network address `source` that its request comes from."""

    ip: str
    source: str
    nodes: NodeColumns
    fault: str | None


async def join(tx: Transaction, machine: ReportedMachine, secret_hash: str, now: str, keyring: Keyring) -> JoinedWorker:
    """Adds a machine, or gives a worker that joins again a new secret; raises `Conflict` or `Invalid`.

    Nodes at its address without a worker become its own. The previous secret and tokens end, so the address of a living worker
    is refused to a machine at another network address.
    """
    ip, source = machine.ip, machine.source
    rows = await tx.fetch(sa.select(_WORKERS.c.pk, _WORKERS.c.name, _WORKERS.c.source).where(_WORKERS.c.ip == ip))
    if rows:
        pk, name, old_source = rows[0]
        if source not in (old_source or source, ip):
            await _require_silent(tx, pk, f"{ip} is the address of the worker {name}", now)
        fresh = {
            "secret_hash": secret_hash,
            "token_epoch": _WORKERS.c.token_epoch + 1,
            "joined": now,
            "source": source,
            "fault": machine.fault,
        }
        await tx.execute(sa.update(_WORKERS).where(_WORKERS.c.pk == pk).values(fresh))
        tx.entries.append(ChangeEntry(WORKERS, pk, "join", {"secret": (SET, REPLACED)}))
    else:
        name = f"w-{secrets.token_hex(8)}"
        values = {
            "name": name,
            "ip": ip,
            "secret_hash": secret_hash,
            "token_epoch": 0,
            "joined": now,
            "source": source,
            "fault": machine.fault,
        }
        pk = (await tx.fetch(sa.insert(_WORKERS).returning(_WORKERS.c.pk), values))[0][0]
        fields = {"name": (None, name), "ip": (None, ip), "secret": (None, SET)}
        tx.entries.append(ChangeEntry(WORKERS, pk, "join", fields))
    return JoinedWorker(name, await _settle(tx, pk, machine, now, keyring, adopts=True))


async def _require_silent(tx: Transaction, worker: int, whose: str, now: str) -> None:
    """Raises `Conflict` where one of the worker's nodes sent a heartbeat lately."""
    # A time well ahead was written when a clock was wrong: a worker that is alive has sent heartbeats since.
    moment, alive = datetime.datetime.fromisoformat(now), datetime.timedelta(seconds=ALIVE_SECONDS)
    last_seen = tables.nodes.c.last_seen
    lately = (last_seen > timestamp(moment - alive), last_seen < timestamp(moment + alive))
    if await tx.fetch(sa.select(last_seen).join(_HELD).where(_HELD.c.worker == worker, *lately).limit(1)):
        raise Conflict(
            f"{whose}, which is alive and sends from another network address. If this is the same machine, installed "
            f"again, have staff revoke that worker (`bayplan nodes revoke`), or join {ALIVE_SECONDS // 60} minutes after "
            "its last heartbeat. If it is another machine, give it an address of its own (--ip).",
            code="worker_alive",
        )


async def report(tx: Transaction, worker: int, machine: ReportedMachine, now: str, keyring: Keyring) -> JoinedWorker:
    """Makes a worker's nodes equal to its report, at a new address too.

    Raises `Conflict`, `Invalid`, and `Unauthenticated` for a worker that was revoked meanwhile.
    """
    ip = machine.ip
    rows = await tx.fetch(sa.select(_WORKERS.c.name, _WORKERS.c.ip, _WORKERS.c.fault).where(_WORKERS.c.pk == worker))
    if not rows:
        raise Unauthenticated("The worker was revoked: join again with a new join token.")
    name, old_ip, old_fault = rows[0]
    if ip != old_ip:
        taken = await tx.fetch(sa.select(_WORKERS.c.name).where(_WORKERS.c.ip == ip))
        if taken:
            raise Conflict(
                f"The worker {taken[0][0]} has the address {ip}: revoke that worker first, or give this machine another "
                "address.",
                code="duplicate",
            )
    await tx.execute(
        sa.update(_WORKERS).where(_WORKERS.c.pk == worker).values(ip=ip, source=machine.source, fault=machine.fault)
    )
    changes = {"ip": (old_ip, ip), "fault": (old_fault, machine.fault)}
    fields = {field: (old, new) for field, (old, new) in changes.items() if old != new}
    tx.entries.append(ChangeEntry(WORKERS, worker, "report", fields))
    return JoinedWorker(name, await _settle(tx, worker, machine, now, keyring, adopts=False))


async def _settle(
    tx: Transaction, worker: int, machine: ReportedMachine, now: str, keyring: Keyring, *, adopts: bool
) -> tuple[int, ...]:
    """Changes, adds and removes the worker's nodes until they equal the machine's; gives their pks by index.

    A machine that joins with a fault may not know of all its GPUs: then nothing is removed.
    """
    table, ip, nodes = tables.nodes, machine.ip, machine.nodes
    statement = (
        sa.select(table, _HELD.c.worker.label("held_by"))
        .select_from(table.outerjoin(_HELD))
        .where(sa.or_(_HELD.c.worker == worker, table.c.ip == ip))
        # Locked in the order of keys, as heartbeats lock them.
        .order_by(table.c.pk)
        .with_for_update(of=table)
    )
    by_index: dict[int, dict[str, Any]] = {}
    gone: list[dict[str, Any]] = []
    for row in sorted(await tx.fetch(statement), key=lambda row: row.held_by is None):
        old = dict(row._mapping)
        owner = old.pop("held_by")
        if owner not in ((worker, None) if adopts else (worker,)):
            raise Conflict(
                f"{old['ip']}#{old['index']} is a node of the catalogue already (pk {old['pk']}), and not of this worker. "
                "Have staff remove the node, or revoke its worker.",
                code="duplicate",
            )
        # Its own nodes come first: another node of the same index can only be at an address that the worker moved to.
        if by_index.setdefault(old["index"], old) is not old:
            gone.append(old)
    indices = {node["index"] for node in nodes}
    unnamed = [old for index, old in by_index.items() if index not in indices]
    kept = unnamed if adopts and machine.fault is not None else []
    gone += [old for old in unnamed if old not in kept]
    await tx.execute(sa.delete(table).where(table.c.pk.in_([old["pk"] for old in gone])))
    tx.entries += [object_change(NODES, old["pk"], "delete", old, None) for old in gone]
    in_order = sorted(nodes, key=lambda node: int(node["index"]))
    pks = [await _update(tx, by_index.get(node["index"]), {**node, "ip": ip}, keyring) for node in in_order]
    held = [*pks, *(old["pk"] for old in kept)]
    await tx.execute(sa.delete(_HELD).where(_HELD.c.node.in_(held)))
    await tx.execute(sa.insert(_HELD), [{"node": pk, "worker": worker} for pk in held])
    await tx.execute(sa.update(table).where(table.c.pk.in_(pks)).values(last_seen=now))
    return tuple(pks)


async def _update(tx: Transaction, old: dict[str, Any] | None, values: dict[str, Any], keyring: Keyring) -> int:
    if old is None:
        return await crud.insert(tx, NODES, values, keyring)
    changed = {name: value for name, value in values.items() if value != old[name]}
    if "compute_capability" in changed:
        changed["hardware_generation"] = None  # looked up again, or unknown as well
    if changed:
        await crud.change(tx, NODES, old["pk"], changed, keyring)
    return int(old["pk"])


async def list_workers(db: Database) -> list[dict[str, Any]]:
    """Gives every worker, by address, with the pks of its nodes and the last heartbeat of one of them."""
    statement = (
        sa.select(
            _WORKERS.c.name,
            _WORKERS.c.ip,
            _WORKERS.c.joined,
            _WORKERS.c.fault,
            _HELD.c.node,
            tables.nodes.c.last_seen,
        )
        .select_from(_WORKERS.outerjoin(_HELD).outerjoin(tables.nodes, tables.nodes.c.pk == _HELD.c.node))
        .order_by(_WORKERS.c.ip, _HELD.c.node)
    )
    shown: dict[str, dict[str, Any]] = {}
    for name, ip, joined, fault, node, last_seen in await fetch_all(db, statement):
        worker = {"worker": name, "ip": ip, "joined": joined, "last_seen": None, "nodes": []}
        entry = shown.setdefault(name, worker if fault is None else {**worker, "fault": fault})
        entry["nodes"] += [] if node is None else [node]
        entry["last_seen"] = max(entry["last_seen"] or "", last_seen or "") or None
    return list(shown.values())


async def revoke(tx: Transaction, name: str, *, with_nodes: bool, only: int | None = None) -> None:
    """Ends a worker's credential and its tokens; raises `NotFound`. `only`: the worker that may be revoked, None for any."""
    statement = sa.select(_WORKERS.c.pk, _WORKERS.c.ip).where(_WORKERS.c.name == name)
    # Names are printable; a path may have characters that no database takes.
    rows = (
        await tx.fetch(statement if only is None else statement.where(_WORKERS.c.pk == only))
        if name.isprintable()
        else ()
    )
    if not rows:
        raise NotFound(f"No worker '{name}': POST /v1/nodes/workers/list lists all workers.")
    if with_nodes:
        held = sa.select(_HELD.c.node).where(_HELD.c.worker == rows[0][0])
        nodes = sa.select(tables.nodes).where(tables.nodes.c.pk.in_(held))
        old = await tx.fetch(nodes.order_by(tables.nodes.c.pk).with_for_update())  # in the order of heartbeats
        await tx.execute(sa.delete(tables.nodes).where(tables.nodes.c.pk.in_(held)))
        tx.entries += [object_change(NODES, row.pk, "delete", row._mapping, None) for row in old]
    await tx.execute(sa.delete(_WORKERS).where(_WORKERS.c.pk == rows[0].pk))
    fields = {"name": (name, None), "ip": (rows[0].ip, None), "secret": (SET, None)}
    tx.entries.append(ChangeEntry(WORKERS, rows[0].pk, "revoke", fields))


async def count_states(db: Database, alive_since: str) -> dict[str, dict[str, int]]:
    """Gives the numbers of nodes that are `alive`, `silent` and `never` seen, and of workers with and without a `fault`."""
    last_seen, fault = tables.nodes.c.last_seen, _WORKERS.c.fault
    seen = sa.select(sa.func.count(), sa.func.count(last_seen), _count_where(last_seen >= alive_since))
    nodes, seen_once, alive = (await fetch_all(db, seen))[0]
    workers, faults = (await fetch_all(db, sa.select(sa.func.count(_WORKERS.c.pk), sa.func.count(fault))))[0]
    return {
        "nodes": {"alive": alive, "silent": seen_once - alive, "never": nodes - seen_once},
        "workers": {"ok": workers - faults, "fault": faults},
    }


def _count_where(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))
