"""The nodes on which no image runs, and their kinds."""

from pydantic import Field
from starlette.responses import Response

from bayplan.server.context import Context
from bayplan.server.http.parameters import Offset, Parameters
from bayplan.web.listing import ROWS, TableColumn, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_COLUMNS = (TableColumn("Node"), TableColumn("Kind"))


class StrandedPageParameters(Parameters):
    """Which part of the nodes on which no image runs."""

    offset: Offset = Field(0, description="How many nodes are left out.")


async def stranded(context: Context, call: PageCall[StrandedPageParameters]) -> Response:
    """Shows the nodes on which no image runs, those of the largest kinds first."""
    summary, fleet = await context.kinds.summary(call.version), await context.kinds.at(call.version)
    kinds = [] if summary is None else summary.stranded_kinds
    nodes = [(pk, title) for kind, title in kinds for pk in kind.nodes]
    shown = nodes[call.query.offset : call.query.offset + ROWS]
    return await rendered(
        context,
        call,
        "stranded.html",
        "Without an image · Nodes",
        is_known=summary is not None,
        kinds=kinds[:ROWS],
        more_kinds=max(0, len(kinds) - ROWS),
        nodes=[(pk, fleet.names[pk], title) for pk, title in shown if pk in fleet.names],
        columns=_COLUMNS,
        place=pager(call.request, len(nodes), call.query.offset, len(shown)),
    )


PAGES = (PageRoute("GET", "/nodes/stranded", stranded, query=StrandedPageParameters),)
