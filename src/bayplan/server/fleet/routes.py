"""The routes of workers: joining, reports, leaving, and heartbeats of nodes."""

from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.schemas.common import NoFields
from bayplan.schemas.workers import (
    JoinAnswer,
    JoinRequest,
    JoinTokenAnswer,
    JoinTokenCreate,
    NewJoinToken,
    WorkerAnswer,
)
from bayplan.server.auth.access import EVERYONE, FLEET_STAFF, JOINING, STAFF_AND_WORKERS
from bayplan.server.context import Context
from bayplan.server.fleet import queries
from bayplan.server.http.endpoint import bearer, read_in_time
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.pages import page_of
from bayplan.server.http.parameters import Flag, NoParameters, PageParameters, Parameters
from bayplan.server.http.parsing import parsed, read_body
from bayplan.server.http.responses import UNCACHED, Json
from bayplan.server.http.route import BodyAs, Call, Route

_WORKERS, _NODES = ("workers",), ("nodes",)
_MACHINE = {
    "ip": "192.0.2.17",
    "architecture": "amd64",
    "cpu_mem": 270_582_939_648,
    "driver_version": "535.104.05",
    "gpus": [
        {
            "index": 0,
            "compute_capability": "8.6",
            "gpu_name": "NVIDIA RTX A6000",
            "gpu_brand": "NvidiaRTX",
            "gpu_mem": 51_527_024_640,
        }
    ],
}
_PINGED = {
    "type": "object",
    "properties": {"node": {"type": "integer"}, "last_seen": {"type": "string", "format": "date-time"}},
}


class RevokeParameters(Parameters):
    """What goes with a worker."""

    nodes: Flag = Field(False, description="Remove its nodes as well.")


async def make_join_token(context: Context, call: Call[NoParameters, JoinTokenCreate]) -> Response:
    """Answers with a new join token."""
    return Json(await queries.create_join_token(context, call.principal, call.body), 201, headers=UNCACHED)


async def list_join_tokens(context: Context, call: Call[PageParameters, NoFields]) -> Response:
    """Answers with the join tokens."""
    join_tokens = await queries.list_join_tokens(context)
    return page_of(call.request, call.query, join_tokens, "join-tokens", lambda token: (f"{token['pk']:019}",))


async def delete_join_token(context: Context, call: Call[NoParameters, None]) -> Response:
    """Ends a join token."""
    await queries.delete_join_token(context, call.principal, call.pk)
    return Response(status_code=204)


async def join(context: Context, call: Call[NoParameters, None]) -> Response:
    """Joins a machine that has a join token, or takes the report of a worker."""
    token = bearer(call.request)
    if not queries.is_join_token(token):
        try:
            return await _report(context, call, token)
        except Unauthenticated as error:
            raise queries.wrong_token(error) from None
    await queries.check_join_token(context, token)
    body = await read_body(call.request, context.settings.max_body_bytes)
    joined = await queries.join(context, token, await parsed(body, JoinRequest), call.address or "")
    return Json(joined, 201, headers=UNCACHED)


async def _report(context: Context, call: Call[NoParameters, None], token: str) -> Response:
    principal = (await context.authenticator.authenticate(token)).principal_for(JOINING)
    limit_bytes = context.settings.max_body_bytes
    body = await read_in_time(call.request, principal, context.authenticator, JOINING, limit_bytes)
    machine = await parsed(body, JoinRequest)
    if principal.worker is None:
        raise Forbidden(
            "To join, send a join token as 'Authorization: Bearer <join token>': ask staff for one "
            "(/v1/nodes/join-tokens)."
        )
    return Json(await queries.report(context, principal, machine, call.address or ""), headers=UNCACHED)


async def list_workers(context: Context, call: Call[PageParameters, NoFields]) -> Response:
    """Answers with the workers."""
    workers = await queries.list_workers(context)
    return page_of(call.request, call.query, workers, "workers", lambda worker: (worker["ip"],))


async def revoke(context: Context, call: Call[RevokeParameters, None]) -> Response:
    """Revokes a worker."""
    name = call.request.path_params["worker"]
    await queries.revoke(context, call.principal, name, with_nodes=call.query.nodes)
    return Response(status_code=204)


async def ping(context: Context, call: Call[NoParameters, None]) -> Response:
    """Stores a heartbeat."""
    if call.node is None:
        raise Malformed(
            "A ping is the heartbeat of one node: send its pk in the header 'Node-Id'.",
            code="unknown_node",
        )
    return Json(await queries.ping(context, call.node))


ROUTES = (
    Route(
        "GET",
        "/v1/nodes/ping",
        ping,
        EVERYONE.within("workers"),
        "Send a heartbeat of a node",
        "Sets the node's `last_seen`. The header `Node-Id` has its pk: one of its own for a worker, any for staff.",
        "ping",
        _NODES,
        answer=_PINGED,
        takes_node_id=True,
        most_at_once=None,
    ),
    Route(
        "POST",
        "/v1/nodes/join-tokens",
        make_join_token,
        FLEET_STAFF,
        "Make a join token",
        "Gives a token with which machines can join, until it expires or has no uses left. The token is shown once. "
        "Staff only.",
        "make_join_token",
        _WORKERS,
        body=JoinTokenCreate,
        example={"expires_in": 3600, "uses": 100},
        answer=NewJoinToken,
        status=201,
        headers=NOT_KEPT,
    ),
    Route(
        "POST",
        "/v1/nodes/join-tokens/list",
        list_join_tokens,
        FLEET_STAFF,
        "List the join tokens",
        "Gives the join tokens, also those that expired recently, without the tokens themselves. Staff only.",
        "list_join_tokens",
        _WORKERS,
        query=PageParameters,
        body=NoFields,
        body_required=False,
        example={},
        answer=list[JoinTokenAnswer],
        conditional=True,
    ),
    Route(
        "DELETE",
        "/v1/nodes/join-tokens/{pk}",
        delete_join_token,
        FLEET_STAFF,
        "Revoke a join token",
        "Revokes a join token. Workers that joined with it stay. Staff only.",
        "delete_join_token",
        _WORKERS,
        status=204,
        errors=(404,),
    ),
    Route(
        "POST",
        "/v1/nodes/join",
        join,
        JOINING,
        "Join as a worker, or report changes",
        "With a join token: adds a machine as a worker and gives it a credential of its own (201). A machine that joins "
        "again keeps its nodes, updated, and gets a new secret. Another machine with the address of a worker that is "
        "alive is refused. With a worker's access token: updates its nodes to its report (200).",
        "join",
        _WORKERS,
        body=JoinRequest,
        body_as=BodyAs.UNREAD,
        example=_MACHINE,
        answer=JoinAnswer,
        status=201,
        other_answers={200: "The worker's nodes are as in its report."},
        errors=(409,),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
    Route(
        "POST",
        "/v1/nodes/workers/list",
        list_workers,
        FLEET_STAFF,
        "List the workers",
        "Gives every machine that has joined, by address, with the pks of its nodes. Staff only.",
        "list_workers",
        _WORKERS,
        query=PageParameters,
        body=NoFields,
        body_required=False,
        example={},
        answer=list[WorkerAnswer],
        conditional=True,
    ),
    Route(
        "DELETE",
        "/v1/nodes/workers/{worker}",
        revoke,
        STAFF_AND_WORKERS.within("workers"),
        "Revoke a worker",
        "Ends a worker's secret and all of its tokens at once. Its nodes stay unless `nodes` is true. For staff, and for "
        "the worker itself when it leaves.",
        "revoke_worker",
        _WORKERS,
        query=RevokeParameters,
        path_schema={"schema": {"type": "string"}, "description": "The worker's name."},
        status=204,
        errors=(404,),
    ),
)
