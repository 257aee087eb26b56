"""Workers: joining, leaving, reports, and heartbeats of nodes."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bayplan.clock import now, timestamp
from bayplan.db import crud
from bayplan.db.database import Transaction
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.errors import Unauthenticated
from bayplan.schemas.filters import Filter
from bayplan.schemas.workers import JoinRequest, JoinTokenCreate
from bayplan.server.auth.machine_secrets import hashed
from bayplan.server.context import Context
from bayplan.server.fleet import join_tokens, workers
from bayplan.server.fleet import store as fleet_store
from bayplan.server.fleet.store import JoinedWorker, ReportedMachine

Object = dict[str, Any]

# Tells a join token from an access token, and keeps it from beginning with a dash on a command line.
_PREFIX = "join_"


async def create_join_token(context: Context, creator: Principal, request: JoinTokenCreate) -> Object:
    """Creates a join token, and gives it for the only time."""
    token = _PREFIX + secrets.token_urlsafe(32)
    moment = datetime.now(UTC)
    expires = timestamp(moment + timedelta(seconds=request.expires_in))
    pk = await join_tokens.add(
        context.db,
        hashed(token),
        creator=creator,
        created=timestamp(moment),
        expires=expires,
        uses=request.uses,
    )
    return {"pk": pk, "token": token, "expires": expires}


async def list_join_tokens(context: Context) -> Sequence[Object]:
    """Gives the join tokens that have not expired, without the tokens themselves."""
    return await join_tokens.list_tokens(context.db)


async def delete_join_token(context: Context, principal: Principal, pk: int) -> None:
    """Ends a join token; raises `NotFound`."""
    await join_tokens.remove(context.db, pk, principal)


def is_join_token(token: str) -> bool:
    """Whether a bearer token has the form of a join token, valid or not."""
    return token.startswith(_PREFIX)


async def check_join_token(context: Context, token: str) -> None:
    """Raises `Unauthenticated` for an invalid join token."""
    await join_tokens.check(context.db, hashed(token), now())


async def join(context: Context, token: str, machine: JoinRequest, address: str) -> Object:
    """Joins a machine by its join token, and gives its credential; raises `Unauthenticated` or `Conflict`."""
    secret = secrets.token_urlsafe(32)
    async with context.db.write() as tx:
        moment = now()
        await join_tokens.spend(tx, hashed(token), moment)
        joined = await fleet_store.join(tx, _reported(machine, address), hashed(secret), moment, context.keyring)
        tx.author = joined.name
        return await _shown(context, tx, joined, secret)


async def report(context: Context, principal: Principal, machine: JoinRequest, address: str) -> Object:
    """Makes a worker's nodes equal to its report; raises `Unauthenticated` or `Conflict`."""
    assert principal.worker is not None
    async with context.db.write(by=principal) as tx:
        joined = await fleet_store.report(tx, principal.worker, _reported(machine, address), now(), context.keyring)
        return await _shown(context, tx, joined, None)


def _reported(machine: JoinRequest, address: str) -> ReportedMachine:
    return ReportedMachine(machine.ip, address, machine.nodes(), machine.fault)


async def _shown(context: Context, tx: Transaction, joined: JoinedWorker, secret: str | None) -> Object:
    chosen = projection("nodes", Principal(worker=0))
    nodes = [(await crud.load_in(tx, chosen, pk, context.disclosure()))[0] for pk in joined.nodes]
    return {"worker": joined.name, "secret": secret, "nodes": nodes}


async def list_workers(context: Context) -> Sequence[Object]:
    """Gives every worker, by address, with the pks of its nodes."""
    return await fleet_store.list_workers(context.db)


async def workers_page(
    context: Context, text: str, *, with_fault: bool, limit: int, offset: int
) -> tuple[Sequence[Object], int]:
    """Gives a part of the workers whose name or address has a text, by address, with their nodes; and how many there are.

    `with_fault`: only those with a fault.
    """
    return await workers.page(context.db, text, limit, offset, with_fault=with_fault)


async def worker(context: Context, name: str) -> Object:
    """Gives the worker of a name, or that at an address, with its nodes; raises `NotFound`."""
    return await workers.worker(context.db, name)


async def nodes(
    context: Context, principal: Principal, chosen: Filter, *, limit: int, offset: int
) -> tuple[list[Object], int]:
    """Gives a part of the nodes that a filter chooses, with their generations, and how many there are; raises `Invalid`."""
    shown = projection("nodes", principal, ("hardware_generation",))
    asked = crud.listing(shown, principal, chosen, limit=limit, offset=offset)
    page = await crud.page(context.db, asked, context.disclosure())
    return orjson.loads(page.body), page.total or 0


async def node(context: Context, principal: Principal, pk: int) -> Object:
    """Gives a node with its generation; raises `NotFound`."""
    shown = projection("nodes", principal, ("hardware_generation",))
    loaded, _ = await crud.load(context.db, shown, pk, context.disclosure())
    return dict(orjson.loads(orjson.dumps(loaded)))


async def states(context: Context) -> Object:
    """Gives the numbers of nodes by their last heartbeat (`alive`, `silent`, `never`), and of workers (`ok`, `fault`)."""
    alive_since = timestamp(datetime.now(UTC) - timedelta(seconds=fleet_store.ALIVE_SECONDS))
    return await fleet_store.count_states(context.db, alive_since)


async def revoke(context: Context, principal: Principal, name: str, *, with_nodes: bool) -> None:
    """Ends a worker's credential and its tokens: any worker's for staff, its own for a worker; raises `NotFound`."""
    async with context.db.write(by=principal) as tx:
        await fleet_store.revoke(tx, name, with_nodes=with_nodes, only=principal.worker)


async def ping(context: Context, node: int) -> Object:
    """Stores a node's heartbeat, and gives its time."""
    return {"node": node, "last_seen": await context.heartbeats.written(node)}


def wrong_token(error: Unauthenticated) -> Unauthenticated:
    """Gives the error for a token that is neither a join token nor a worker's."""
    return Unauthenticated(
        "This is not a valid join token or access token of a worker: ask staff for a join token (/v1/nodes/join-tokens).",
        code=error.code,
    )
