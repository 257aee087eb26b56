"""The accounts of sessions: users and workers by name, the state of a token's account, and failed attempts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows, fetch_all

WINDOW_SECONDS = 300


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


async def logged_in(db: Database, pk: int, now: str) -> None:
    """Stores the time of a user's last log-in."""
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(tables.users).where(tables.users.c.pk == pk).values(last_login=now))


async def set_last_seen(db: Database, pks: Sequence[int], now: str) -> None:
    """Stores the time of the nodes' last heartbeat."""
    async with db.write(moves=False) as tx:
        await tx.execute(_SET_LAST_SEEN, {**pks_parameter(pks), "now": now})


def attempt_key(username: str, address: str) -> str:
    """Gives the key under which failed attempts are counted: a user name with an address."""
    return hashlib.sha256(f"{username.casefold()}\0{address}".encode()).hexdigest()


async def seconds_locked(db: Database, key: str, allowed: int, now: int) -> int:
    """Gives for how many seconds attempts are refused, 0 where they are not; `now` in seconds since 1970."""
    table = tables.login_failures
    rows = await fetch_all(db, sa.select(table.c.failures, table.c.window_start).where(table.c.subject == key))
    if not rows or rows[0].failures < allowed:
        return 0
    return max(0, int(rows[0].window_start) + WINDOW_SECONDS - now)


async def failed(db: Database, key: str, now: int) -> None:
    """Counts a failed attempt, and removes those of past windows."""
    table = tables.login_failures
    async with db.write(moves=False) as tx:
        await tx.execute(sa.delete(table).where(table.c.window_start <= now - WINDOW_SECONDS))
        # One upsert on both databases, so that two first failures at once are both counted.
        upsert = sa.text(
            "INSERT INTO login_failures (subject, failures, window_start) VALUES (:key, 1, :now) "
            "ON CONFLICT (subject) DO UPDATE SET failures = login_failures.failures + 1"
        )
        await tx.execute(upsert, {"key": key, "now": now})


async def forget_failures(db: Database, key: str) -> None:
    """Removes the failed attempts of a user from an address."""
    async with db.write(moves=False) as tx:
        await tx.execute(sa.delete(tables.login_failures).where(tables.login_failures.c.subject == key))
