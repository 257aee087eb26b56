"""What only nodes have: the heartbeat, a token of their own, and the verdicts over all images."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.api.answers import Json
from bayplan.api.describe import PK, action, reference
from bayplan.api.judging import Judge
from bayplan.api.requests import pk_of, query
from bayplan.api.runtime import Runtime, now
from bayplan.db import accounts
from bayplan.errors import Malformed, NotFound
from bayplan.schemas.auth import Tokens
from bayplan.schemas.match import NodeForImages

_NODE_ID = {
    "name": "Node-Id",
    "in": "header",
    "schema": {"type": "integer", "minimum": 1},
    "description": "For staff: the pk of the node to act for. A node's own token says that by itself.",
}


def nodes_router(runtime: Runtime, judge: Judge) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/nodes", tags=["nodes"])

    async def ping(request: Request) -> Response:
        caller = await runtime.caller(request)
        query(request)
        if caller.node is None:
            raise Malformed(
                "Only a node pings: use its own token or, as staff, the header 'Node-Id' with its pk.",
                code="unknown_node",
            )
        await accounts.seen(runtime.db, caller.node, moment := now())
        return Json({"node": caller.node, "last_seen": moment})

    async def token(request: Request) -> Response:
        caller = await runtime.caller(request)
        caller.must_be_staff()
        query(request)
        account = await accounts.node(runtime.db, pk_of(request))
        if account is None:
            raise NotFound(f"No node with pk {pk_of(request)}.")
        tokens = {
            use: runtime.tokens.make("node", account.pk, account.token_epoch, use) for use in ("access", "refresh")
        }
        return Json(tokens, headers={"Cache-Control": "no-store"})

    async def images(request: Request) -> Response:
        caller = await runtime.caller(request)
        query(request)
        return Json(await judge.node_for_images(caller, pk_of(request)))

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
                text="Sets the node's `last_seen`. By the node's own token or, for staff, by the header `Node-Id`.",
                name="ping",
                answer=pinged,
                parameters=[_NODE_ID],
            ),
        ),
        (
            "/{pk:pk}/token",
            "POST",
            token,
            action(
                "Get tokens that act for a node",
                text="Gives tokens for a worker: good to read the catalogue with its log-ins, to match and to ping. Staff only.",
                name="node_token",
                answer=reference(Tokens),
                errors=[404],
                parameters=[PK],
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
                parameters=[PK],
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
