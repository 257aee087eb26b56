"""What only nodes have: the heartbeat, and the verdicts over all images."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.db.group_commit import GroupCommit
from bayplan.errors import Malformed
from bayplan.schemas.match import NodeForImages
from bayplan.server.auth import accounts
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_NONE_MATCH, NODE_ID, PK, action, reference
from bayplan.server.http.parsing import pk_of, query
from bayplan.server.http.responses import Json, fingerprinted
from bayplan.server.matching.queries import Judge

_MOST_HEARTBEATS = 500


def nodes_router(context: Context, judge: Judge) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/nodes", tags=["nodes"])

    async def note(pks: Sequence[int]) -> str:
        await accounts.seen(context.db, pks, moment := now())
        return moment

    heartbeats = GroupCommit(note, _MOST_HEARTBEATS)

    async def ping(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        if principal.node is None:
            raise Malformed(
                "Only a node pings: say for which by the header 'Node-Id' with its pk, as its worker or as staff.",
                code="unknown_node",
            )
        return Json({"node": principal.node, "last_seen": await heartbeats.written(principal.node)})

    async def images(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        await context.require_own_node(principal, pk_of(request))
        disclosure = context.disclosure()
        answer = fingerprinted(request, await judge.node_for_images(principal, pk_of(request), disclosure))
        return await context.audit.sent(request, principal, "images", disclosure, answer)

    pinged = {
        "type": "object",
        "properties": {"node": {"type": "integer"}, "last_seen": {"type": "string", "format": "date-time"}},
    }
    for path, method, handler, words in (
        (
            "/ping",
            "GET",
            ping,
            action(
                "Say that a node is alive",
                text="Sets the node's `last_seen`. The header `Node-Id` says which: one of its own for a worker, any for staff.",
                name="ping",
                answer=pinged,
                parameters=[NODE_ID],
            ),
        ),
        (
            "/{pk:pk}/images",
            "GET",
            images,
            action(
                "Which images run on a node",
                name="node_for_images",
                answer=reference(NodeForImages),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
