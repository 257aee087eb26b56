"""The routes of desired images and inventories; prefetch rules have the six actions of every resource."""

import asyncio

from starlette.responses import Response

from bayplan.clock import now
from bayplan.schemas.prefetch import (
    DesiredImagesAnswer,
    ImageInventory,
    InventoryReceipt,
    InventoryReport,
    NodeInventory,
    WorkerInventory,
)
from bayplan.server.auth.access import STAFF_AND_WORKERS, USERS, WORKERS
from bayplan.server.context import Context
from bayplan.server.disclosing import disclosing
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import Json, fingerprinted, is_known, tagged, unchanged
from bayplan.server.http.route import Call, Route
from bayplan.server.prefetch import inventory, queries

_TAGS = ("prefetch rules",)


async def desired_images(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the desired images of a worker, or that these have not changed."""
    planner, request = context.planner, call.request
    puller = await planner.puller_of(call.principal, call.node)
    latest = await planner.latest_tag(puller, call.version)
    if latest is not None and is_known(request, latest):
        return unchanged(latest)
    desired = await planner.desired(puller, call.version)
    if is_known(request, desired.tag):
        return unchanged(desired.tag)
    disclosure = context.disclosure()
    content = await planner.shown(call.principal, desired, call.version, disclosure)
    answer = await asyncio.to_thread(tagged, request, content, desired.tag)
    return await disclosing(context, call, "prefetch", disclosure, answer)


async def report_inventory(context: Context, call: Call[NoParameters, InventoryReport]) -> Response:
    """Stores the inventory that a worker reports."""
    assert call.principal.worker is not None
    kept = await inventory.replace(context.db, call.principal, call.body.images, moment := now())
    return Json({"images": kept, "at": moment})


async def by_worker(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the numbers of each worker."""
    return fingerprinted(call.request, await queries.by_worker(context, call.version))


async def of_node(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the images of a node's worker."""
    images = await queries.of_node(context.db, context.planner, call.principal, call.version, call.pk)
    return fingerprinted(call.request, images)


async def of_image(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the nodes whose worker holds an image."""
    nodes = await queries.of_image(context, call.principal, call.version, call.pk)
    return fingerprinted(call.request, nodes)


ROUTES = (
    Route(
        "GET",
        "/v1/prefetch/wanted",
        desired_images,
        STAFF_AND_WORKERS.within("workers").saying(
            "Only workers load their desired images. Staff may with the header 'Node-Id'."
        ),
        "The desired images of a worker",
        "Gives the images that the rules name for the nodes of this worker and that run there, with their credentials "
        "and digests. Staff send the pk of one of its nodes (`Node-Id`).",
        "wanted",
        _TAGS,
        answer=DesiredImagesAnswer,
        conditional=True,
        takes_node_id=True,
        most_at_once=None,
    ),
    Route(
        "PUT",
        "/v1/prefetch/holdings",
        report_inventory,
        WORKERS.saying("Only workers report an image inventory."),
        "Report the image inventory of a worker",
        "Replaces the inventory that the worker reported before. The server leaves out images that are no longer in the "
        "catalogue. Workers only.",
        "say_holdings",
        _TAGS,
        body=InventoryReport,
        example={
            "images": [{"image": 1, "state": "held", "digest": f"sha256:{'0' * 64}", "size_bytes": 4_000_000_000}]
        },
        answer=InventoryReceipt,
        most_at_once=None,
    ),
    Route(
        "GET",
        "/v1/prefetch/status",
        by_worker,
        USERS,
        "The numbers of desired and present images of all workers",
        "Gives for each worker, by address, how many images are desired there, and how many of them it has.",
        "holdings_by_machine",
        _TAGS,
        answer=list[WorkerInventory],
        conditional=True,
    ),
    Route(
        "GET",
        "/v1/nodes/{pk}/holdings",
        of_node,
        USERS,
        "The desired images and the image inventory of a node",
        "Gives the desired images of the node, in their order, and the other images in the inventory of its worker.",
        "holdings_of_node",
        _TAGS,
        answer=NodeInventory,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "GET",
        "/v1/docker/{pk}/holdings",
        of_image,
        USERS,
        "The nodes for which an image is desired, or that have it",
        "Gives the nodes for which the image is desired, or whose worker has it in its inventory, by address.",
        "holdings_of_image",
        _TAGS,
        answer=ImageInventory,
        errors=(404,),
        conditional=True,
    ),
)
