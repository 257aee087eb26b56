"""The routes of what an image needs of a node, and of the images that some node runs."""

from collections.abc import Awaitable, Callable, Hashable

import orjson
from starlette.responses import Response

from bayplan.schemas.floors import FloorAnswer, RunnableImageAnswer
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
    pk, version = call.pk, call.version
    return await _kept(context, call, ("floor", pk), lambda: queries.load_floor(context, pk, version))


async def runnable(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the images that some node runs."""
    return await _kept(context, call, ("runnable",), lambda: queries.runnable_images(context, call.version))


async def _kept(
    context: Context,
    call: Call[NoParameters, None],
    about: tuple[Hashable, ...],
    answer: Callable[[], Awaitable[object]],
) -> Response:
    """The answer to a question about the catalogue, kept while its version and the day stay."""
    question = (*about, today())
    kept = context.kept_answers.get(question, call.version)
    if kept is None:
        body = orjson.dumps(await answer())
        kept = KeptAnswer(call.version, fingerprint(body), body, {})
        context.kept_answers.keep(question, kept, _QUESTION_BYTES)
    return tagged(call.request, kept.body, kept.tag)


ROUTES = (
    Route(
        "GET",
        "/v1/docker/{pk}/floor",
        load_floor,
        USERS,
        "What an image needs of a node",
        "Gives, for each architecture of an image, the oldest driver by grade, the GPUs that it runs on with their "
        "drivers, and the memory and GPUs that it needs. The answer follows from the judge's verdicts.",
        "load_floor",
        ("docker images",),
        answer=FloorAnswer,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "GET",
        "/v1/docker/runnable",
        runnable,
        USERS,
        "Which images some node runs",
        "Gives the images that at least one node of the catalogue runs by the default grades, in the order of matches, "
        "with their references by digest. Use it to mirror images.",
        "runnable_images",
        ("docker images",),
        answer=list[RunnableImageAnswer],
        conditional=True,
        most_at_once=2,
    ),
)
