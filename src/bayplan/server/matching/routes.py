"""The question what runs where: asked for a described worker or a node, for all nodes of an image, and for all images of a node."""

from starlette.responses import Response

from bayplan.errors import Forbidden
from bayplan.schemas.match import FitAnswer, FitRequest, ImageOnNodes, MatchAnswer, MatchRequest, NodeForImages
from bayplan.server.auth.access import EVERYONE, USERS, USERS_AND_OWN_WORKERS
from bayplan.server.context import Context
from bayplan.server.disclosing import disclosing, reader
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import CredentialsParameters
from bayplan.server.http.responses import fingerprinted_parts, json_answer
from bayplan.server.http.route import Call, Route

_EXAMPLE = {
    "worker": {
        "driver_version": "535.104.05",
        "compute_capability": "8.6",
        "gpu_name": "NVIDIA RTX A6000",
        "gpu_brand": "NvidiaRTX",
        "architecture": "amd64",
    },
    "task": "train",
    "limit": 10,
    "explain": True,
}


async def match(context: Context, call: Call[CredentialsParameters, MatchRequest]) -> Response:
    """Answers with the images that run on a node."""
    question = call.body
    if call.principal.worker is not None and question.node is None:
        raise Forbidden("A worker may match for its own nodes only: send 'node', the pk of one.")
    if question.node is not None:
        await context.authenticator.require_own_node(call.principal, question.node)
    disclosure = context.disclosure()
    answer = json_answer(await context.judge.answer(reader(call), question, call.version, disclosure))
    return await disclosing(context, call, "match", disclosure, answer)


async def image_on_nodes(context: Context, call: Call[CredentialsParameters, None]) -> Response:
    """Answers with the verdicts of an image over all nodes."""
    disclosure = context.disclosure()
    verdicts = await context.judge.image_on_nodes(reader(call), call.pk, call.version, disclosure)
    return await disclosing(context, call, "nodes", disclosure, await fingerprinted_parts(call.request, verdicts))


async def fit(context: Context, call: Call[CredentialsParameters, FitRequest]) -> Response:
    """Answers with the kinds of nodes, and the verdict of an image on each."""
    disclosure = context.disclosure()
    answer = json_answer(await context.judge.fit(reader(call), call.pk, call.body, call.version, disclosure))
    return await disclosing(context, call, "nodes", disclosure, answer)


async def node_for_images(context: Context, call: Call[CredentialsParameters, None]) -> Response:
    """Answers with the verdicts of a node over all images."""
    disclosure = context.disclosure()
    verdicts = await context.judge.node_for_images(reader(call), call.pk, call.version, disclosure)
    return await disclosing(context, call, "images", disclosure, await fingerprinted_parts(call.request, verdicts))


ROUTES = (
    Route(
        "POST",
        "/v1/docker/match",
        match,
        EVERYONE.within("match"),
        "Which images run on a node",
        "Gives the images that run on a node, best first: one of the catalogue, or one that `worker` describes. With "
        "`explain`, it also gives for every other image the reasons and the remedies. The rules are in docs/rules.md.",
        "match",
        ("docker images",),
        query=CredentialsParameters,
        body=MatchRequest,
        example=_EXAMPLE,
        answer=MatchAnswer,
        headers=NOT_KEPT,
    ),
    Route(
        "GET",
        "/v1/docker/{pk}/nodes",
        image_on_nodes,
        USERS.within("match"),
        "The verdict for every node",
        operation_id="image_on_nodes",
        tags=("docker images",),
        query=CredentialsParameters,
        answer=ImageOnNodes,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "POST",
        "/v1/docker/{pk}/fit",
        fit,
        USERS.within("match"),
        "The verdict for every kind of node",
        "Gives the nodes by kind, best first, also those that do not run the image, each kind with its nodes and every "
        "reason. `worker` replaces facts of the nodes, such as the driver.",
        "fit",
        ("docker images",),
        query=CredentialsParameters,
        body=FitRequest,
        body_required=False,
        example={"worker": {"driver_version": "570.211.01"}},
        answer=FitAnswer,
        errors=(404,),
        headers=NOT_KEPT,
    ),
    Route(
        "GET",
        "/v1/nodes/{pk}/images",
        node_for_images,
        USERS_AND_OWN_WORKERS.within("match"),
        "The verdict for every image",
        operation_id="node_for_images",
        tags=("nodes",),
        query=CredentialsParameters,
        answer=NodeForImages,
        errors=(404,),
        conditional=True,
    ),
)
