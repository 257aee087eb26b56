"""`GET /metrics`, which Prometheus asks for."""

from starlette.responses import Response

from bayplan.server.auth.access import USERS
from bayplan.server.context import Context
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import UNCACHED
from bayplan.server.http.route import Call, Route
from bayplan.server.metrics import queries

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the metrics."""
    text = await queries.metrics(context, call.version)
    return Response(text, headers={**UNCACHED, "Content-Type": _TEXT})


ROUTES = (
    Route(
        "GET",
        "/metrics",
        metrics,
        USERS,
        "The numbers of the catalogue and the fleet",
        "Gives images by their check state, nodes and workers by theirs, in the text format of Prometheus.",
        operation_id="metrics",
        tags=("health",),
        answer={"type": "string"},
        media_type="text/plain",
        headers=NOT_KEPT,
        most_at_once=2,
    ),
)
