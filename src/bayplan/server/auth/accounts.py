"""The accounts of sessions: users and workers by name, and the state of a token's account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows, Transaction, fetch_all


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a token or a secret is checked against; `pk` is a user's or a worker's."""

    pk: int
    token_epoch: int
    name: str
    is_staff: bool = False
    password_hash: str = ""
    secret_hash: str = ""


@dataclass(frozen=True, slots=True)
class NodeOwner:
    """A node, and its worker, None where staff entered it."""

    pk: int
    worker: int | None


_USER = (
    tables.users.c.pk,
    tables.users.c.token_epoch,
    tables.users.c.username.label("name"),
    tables.users.c.is_staff,
    tables.users.c.password_hash,
)
# Locked in the same order, so that two server processes do not wait for each other.
_LOCKED_NODES = (
    sa.select(tables.nodes.c.pk)
    .where(is_one_of(tables.nodes.c.pk))
    .order_by(tables.nodes.c.pk)
    .with_for_update(key_share=True)
)
_SET_LAST_SEEN = CompiledStatement(
    sa.update(tables.nodes)
    .where(tables.nodes.c.pk.in_(_LOCKED_NODES))
    .values(last_seen=sa.bindparam("now", type_=tables.nodes.c.last_seen.type))
)
_WORKER = (tables.workers.c.pk, tables.workers.c.token_epoch, tables.workers.c.name, tables.workers.c.secret_hash)


def _with_version(columns: Sequence[sa.ColumnElement[Any]], *conditions: sa.ColumnElement[bool]) -> CompiledStatement:
    """The catalogue's version with the row of an account, nulls where there is none."""
    table = columns[0].table
    of_pk = table.c.pk == sa.bindparam("pk", type_=sa.BigInteger)
    source = tables.catalogue.outerjoin(table, sa.and_(of_pk, *conditions))
    return CompiledStatement(sa.select(tables.catalogue.c.version, *columns).select_from(source))


# Every request after a write reads its account again: compiled, the statement costs a twentieth.
_USER_AND_VERSION = _with_version(_USER, tables.users.c.is_active)
_WORKER_AND_VERSION = _with_version(_WORKER)

_NODE_OWNER = CompiledStatement(
    sa.select(tables.nodes.c.pk, tables.worker_nodes.c.worker)
    .select_from(tables.nodes.outerjoin(tables.worker_nodes))
    .where(tables.nodes.c.pk == sa.bindparam("pk", type_=sa.BigInteger))
)


async def active_user(db: Database, username: str) -> Account | None:
    """Gives the active user of that name, or None."""
    statement = sa.select(*_USER).where(tables.users.c.username == username, tables.users.c.is_active)
    rows = await fetch_all(db, statement)
    return Account(**rows[0]._mapping) if rows else None


async def first_staff(db: Database) -> Account | None:
    """Gives the active staff user who is there for the longest time, or None."""
    statement = sa.select(*_USER).where(tables.users.c.is_staff, tables.users.c.is_active)
    rows = await fetch_all(db, statement.order_by(tables.users.c.pk).limit(1))
    return Account(**rows[0]._mapping) if rows else None


async def worker(db: Database, name: str) -> Account | None:
    """Gives the worker of that name, or None."""
    rows = await fetch_all(db, sa.select(*_WORKER).where(tables.workers.c.name == name))
    return Account(**rows[0]._mapping) if rows else None


async def node(db: Database, pk: int) -> NodeOwner | None:
    """Gives the node with that pk, or None."""
    rows = await db.fetch(_NODE_OWNER, lambda rows: rows, {"pk": pk})
    return NodeOwner(*rows[0]) if rows else None


async def account_and_version(db: Database, subject: str, pk: int) -> tuple[Account | None, int]:
    """Gives the active `user`, or the `worker`, that a token names, and the catalogue's version: in one query."""
    statement = _USER_AND_VERSION if subject == "user" else _WORKER_AND_VERSION
    version, account, epoch, name, *rest = await db.fetch(statement, _first, {"pk": pk})
    is_staff = subject == "user" and bool(rest[0])
    return (None if account is None else Account(account, epoch, name, is_staff)), version


def _first(rows: Rows) -> Any:
    return rows[0]


async def has_logged_in(db: Database) -> bool:
    """Whether any user has ever logged in."""
    statement = sa.select(sa.exists().where(tables.users.c.last_login.is_not(None)))
    return bool((await fetch_all(db, statement))[0][0])


async def logged_in(tx: Transaction, pk: int, now: str) -> None:
    """Stores the time of a user's last log-in."""
    await tx.execute(sa.update(tables.users).where(tables.users.c.pk == pk).values(last_login=now))


async def set_last_seen(db: Database, pks: Sequence[int], now: str) -> None:
    """Stores the time of the nodes' last heartbeat."""
    async with db.write(moves=False) as tx:
        await tx.execute(_SET_LAST_SEEN, {**pks_parameter(pks), "now": now})
