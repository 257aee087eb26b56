"""What workers are to hold and what they say that they hold; the rules themselves have the six actions of every resource."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.errors import Forbidden
from bayplan.schemas.prefetch import (
    DesiredImagesAnswer,
    ImageInventory,
    InventoryReceipt,
    InventoryReport,
    NodeInventory,
    WorkerInventory,
)
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_NONE_MATCH, NODE_ID, PK, action, reference
from bayplan.server.http.parsing import pk_of, query
from bayplan.server.http.responses import Json, fingerprinted
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch import status as prefetch_status
from bayplan.server.prefetch.planner import PrefetchPlanner


def prefetch_router(context: Context, planner: PrefetchPlanner) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1", tags=["prefetch rules"])

    async def wanted(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        return await planner.wanted(request, principal)

    async def say(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        body = await context.read(request, principal, InventoryReport)
        if principal.worker is None:
            raise Forbidden("Only workers say what they hold.")
        kept = await inventory.replace(context.db, principal.worker, body.images, moment := now())
        return Json({"images": kept, "at": moment})

    async def status(request: Request) -> Response:
        principal = await context.principal(request)
        query(request)
        return fingerprinted(request, await prefetch_status.by_machine(context, planner, principal))

    async def of_node(request: Request) -> Response:
        principal = await context.principal(request)
        query(request)
        return fingerprinted(request, await prefetch_status.of_node(context, planner, principal, pk_of(request)))

    async def of_image(request: Request) -> Response:
        principal = await context.principal(request)
        query(request)
        return fingerprinted(request, await prefetch_status.of_image(context, planner, principal, pk_of(request)))

    for path, method, handler, words in (
        (
            "/prefetch/wanted",
            "GET",
            wanted,
            action(
                "What a machine is to hold",
                text="Gives the images that the rules name for the nodes of the worker that asks, as far as they run there, with their "
                "log-ins and digests. Staff ask for the machine of a node by `Node-Id`.",
                name="wanted",
                answer=reference(DesiredImagesAnswer),
                parameters=[NODE_ID, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/prefetch/holdings",
            "PUT",
            say,
            action(
                "Say what a machine holds",
                text="Takes the place of what the worker said before. Images that the catalogue does not have any more are left out. "
                "Workers only.",
                name="say_holdings",
                body=InventoryReport,
                example={
                    "images": [
                        {"image": 1, "state": "held", "digest": f"sha256:{'0' * 64}", "size_bytes": 4_000_000_000}
                    ]
                },
                answer=reference(InventoryReceipt),
            ),
        ),
        (
            "/prefetch/status",
            "GET",
            status,
            action(
                "What all machines hold, in numbers",
                text="Gives for each worker, by address, how many images it is to hold and how many of them it holds.",
                name="holdings_by_machine",
                answer={"type": "array", "items": reference(WorkerInventory)},
                parameters=[IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/nodes/{pk:pk}/holdings",
            "GET",
            of_node,
            action(
                "Which images a node's machine holds",
                text="Gives the images that the node is to have, in their order, and the others that its machine speaks of.",
                name="holdings_of_node",
                answer=reference(NodeInventory),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/docker/{pk:pk}/holdings",
            "GET",
            of_image,
            action(
                "Which nodes' machines hold an image",
                text="Gives the workers' nodes that are to have an image, or whose machine speaks of it, by address.",
                name="holdings_of_image",
                answer=reference(ImageInventory),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
