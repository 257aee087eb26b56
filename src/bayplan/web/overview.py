"""The overview: what needs a person first, then how much there is."""

from starlette.responses import Response

from bayplan.server.context import Context
from bayplan.server.http.parameters import NoParameters
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered


async def overview(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows the overview."""
    return await rendered(context, call, "overview.html", "Overview")


PAGES = (PageRoute("GET", "/", overview, label="Overview"),)
