"""The route of what an image needs of a node."""

import orjson
from starlette.responses import Response

from bayplan.schemas.floors import FloorAnswer
from bayplan.server.auth.access import USERS
from bayplan.server.context import Context
from bayplan.server.floors import queries
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import fingerprint, tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.kept_answers import KeptAnswer
from bayplan.server.matching.queries import today

_QUESTION_BYTES = 100


async def load_floor(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with what an image needs of a node."""
    question = ("floor", call.pk, today())
    kept = context.kept_answers.get(question, call.version)
    if kept is not None:
        return tagged(call.request, kept.body, kept.tag)
    body = orjson.dumps(await queries.load_floor(context, call.pk, call.version))
    tag = fingerprint(body)
    context.kept_answers.keep(question, KeptAnswer(call.version, tag, body, {}), _QUESTION_BYTES)
    return tagged(call.request, body, tag)


ROUTES = (
    Route(
        "GET",
        "/v1/docker/{pk}/floor",
        load_floor,
        USERS,
        "What an image needs of a node",
        "Gives, for each architecture of an image, the smallest driver by grade, the GPUs that it runs on with their drivers, "
        "and the memory and GPUs that it needs. It follows from the judge's verdicts.",
        "load_floor",
        ("docker images",),
        answer=FloorAnswer,
        errors=(404,),
        conditional=True,
    ),
)
