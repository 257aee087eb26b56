"""The route of the matrix."""

import asyncio

from starlette.responses import Response

from bayplan.schemas.matrix import MatrixAnswer, MatrixRequest
from bayplan.server.auth.access import USERS
from bayplan.server.context import Context
from bayplan.server.http.compressed import compressed, compressed_answer
from bayplan.server.http.openapi import PACKED
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import fingerprint
from bayplan.server.http.route import Call, Route
from bayplan.server.kept_answers import KeptAnswer
from bayplan.server.matching.queries import today
from bayplan.server.matrix import queries
from bayplan.server.matrix.answers import matrix_parts


async def matrix(context: Context, call: Call[NoParameters, MatrixRequest]) -> Response:
    """Answers with every group of images on every kind of nodes, kept while the catalogue's version and the day stay."""
    text = call.body.model_dump_json()
    question = (call.principal.kind, text, today())
    kept = context.kept_matrices.get(question, call.version)
    if kept is None:
        fleet = await queries.fleet_matrix(context, call.principal, call.body, call.version)
        packed = await asyncio.to_thread(lambda: compressed(matrix_parts(fleet)))
        kept = KeptAnswer(call.version, fingerprint(packed), packed, {})
        if not queries.is_volatile(call.body):
            context.kept_matrices.keep(question, kept, len(text))
    return await compressed_answer(call.request, kept.body, kept.tag)


ROUTES = (
    Route(
        "POST",
        "/v1/docker/matrix",
        matrix,
        USERS.within("match"),
        "Every image on every node",
        "Gives the grade of each group of images that need the same on each kind of nodes that offer the same, with the codes of "
        "the reasons. A group or a kind has the same identifier in every version of the catalogue.",
        "matrix",
        ("docker images",),
        body=MatrixRequest,
        body_required=False,
        example={"nodes": {"expressions": [{"type": "contains", "field": "gpu_name", "sub_string": "A100"}]}},
        answer=MatrixAnswer,
        conditional=True,
        headers=PACKED,
        most_at_once=2,
    ),
)
