"""What only nodes have: the heartbeat, and the verdicts over all images."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.api.answers import Json, fingerprinted
from bayplan.api.describe import IF_NONE_MATCH, NODE_ID, PK, action, reference
from bayplan.api.judging import Judge
from bayplan.api.requests import pk_of, query
from bayplan.api.runtime import Runtime, now
from bayplan.api.together import Together
from bayplan.db import accounts
from bayplan.errors import Malformed
from bayplan.schemas.match import NodeForImages

_MOST_HEARTBEATS = 500


def nodes_router(runtime: Runtime, judge: Judge) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/nodes", tags=["nodes"])

    async def note(pks: Sequence[int]) -> str:
        await accounts.seen(runtime.db, pks, moment := now())
        return moment

    heartbeats = Together(note, _MOST_HEARTBEATS)

    async def ping(request: Request) -> Response:
        caller = await runtime.caller(request, workers=True)
        query(request)
        if caller.node is None:
            raise Malformed(
                "Only a node pings: say for which by the header 'Node-Id' with its pk, as its worker or as staff.",
                code="unknown_node",
            )
        return Json({"node": caller.node, "last_seen": await heartbeats.written(caller.node)})

    async def images(request: Request) -> Response:
        caller = await runtime.caller(request, workers=True)
        query(request)
        await runtime.must_own(caller, pk_of(request))
        disclosure = runtime.disclosure()
        answer = fingerprinted(request, await judge.node_for_images(caller, pk_of(request), disclosure))
        return await runtime.trail.sent(request, caller, "images", disclosure, answer)

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
