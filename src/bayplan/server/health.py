"""The routes for a supervisor: whether the process is alive, and whether its database answers."""

from starlette.responses import Response

import bayplan
from bayplan.db.database import DatabaseUnavailable, Outage
from bayplan.server.auth.access import PUBLIC
from bayplan.server.context import Context
from bayplan.server.http.responses import Json
from bayplan.server.http.route import Call, Route


async def healthz(_context: Context, _call: Call[None, None]) -> Response:
    """Answers as long as the process is alive."""
    return Json({"status": "ok", "version": bayplan.__version__})


async def readyz(context: Context, _call: Call[None, None]) -> Response:
    """Answers as long as the database does, and is not known to be damaged; says where it can only be read.

    A proxy that took such a process out of its list would end what goes on: lists, matches, log-ins that exist.
    """
    status = "ready"
    try:
        version = await context.db.check()
    except DatabaseUnavailable as error:
        if error.outage is not Outage.READ_ONLY:
            raise
        context.outages.report(error)
        status, version = "read_only", await context.db.version()
    outage = context.outages.current
    # A request that waited too long does not mean that all do.
    if outage is not None and outage.outage not in (Outage.UNREACHABLE, Outage.BUSY, Outage.READ_ONLY):
        raise outage
    return Json({"status": status, "catalogue_version": version})


ROUTES = tuple(
    Route(
        "GET",
        f"/{name}",
        handler,
        PUBLIC,
        summary,
        operation_id=name,
        tags=("health",),
        query=None,
        answer={"type": "object"},
        most_at_once=None,
    )
    for name, handler, summary in (
        ("healthz", healthz, "The process is alive"),
        ("readyz", readyz, "The database answers; `read_only` if nothing can be written"),
    )
)
