"""The images that are out of date, narrowed by reason."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from bayplan.domain.outdated import OutdatedCode
from bayplan.server.context import Context
from bayplan.server.http.parameters import Offset, Parameters, one_of
from bayplan.server.lifecycles import queries
from bayplan.web.listing import ROWS, Facet, FacetOption, TableColumn, address_with, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

REASONS = {
    OutdatedCode.END_OF_LIFE: ("past its end of life", "bad"),
    OutdatedCode.END_OF_LIFE_SOON: ("end of life soon", "warn"),
    OutdatedCode.DEPRECATED: ("deprecated", "warn"),
    OutdatedCode.SUPERSEDED: ("superseded", "plain"),
    OutdatedCode.RUNS_NOWHERE: ("runs on no node", "bad"),
    OutdatedCode.IN_NO_INVENTORY: ("in no inventory", "plain"),
}
"""By reason: what pages call it, and how its badge is coloured."""
_WITH_DETAIL = frozenset((OutdatedCode.END_OF_LIFE, OutdatedCode.END_OF_LIFE_SOON, OutdatedCode.DEPRECATED))
"""Reasons whose sentence always says more than their badge and the other columns."""
_COLUMNS = (
    TableColumn("Image"),
    TableColumn("Why"),
    TableColumn("Since", is_number=True),
    TableColumn("Use instead"),
    TableColumn("Runs on", is_number=True),
)


class OutdatedPageParameters(Parameters):
    """Which of the images that are out of date."""

    reason: Annotated[str, one_of("", *OutdatedCode)] = Field("", description="The reason.")
    offset: Offset = Field(0, description="How many images are left out.")


async def outdated(context: Context, call: PageCall[OutdatedPageParameters]) -> Response:
    """Shows the images that are out of date, perhaps for one reason alone."""
    reason, offset = call.query.reason, call.query.offset
    listed = await queries.outdated(context, call.version, [OutdatedCode(reason)] if reason else ())
    shown = listed.images[offset : offset + ROWS]
    options = [
        FacetOption(
            REASONS[code][0],
            address_with(call.request, reason=None if code == reason else code),
            number,
            code == reason,
        )
        for code, number in listed.counts.items()
        if number or code == reason
    ]
    return await rendered(
        context,
        call,
        "outdated.html",
        "Out of date · Images",
        listed=listed,
        images=[
            (image, reasons, queries.first_day(reasons), image.use and (image.use, *listed.names[image.use]))
            for image, reasons in shown
        ],
        words=REASONS,
        with_detail=_WITH_DETAIL,
        chosen=REASONS[OutdatedCode(reason)][0] if reason else "",
        facets=[Facet("Reason", options, is_open=True)],
        columns=_COLUMNS,
        place=pager(call.request, len(listed.images), offset, len(shown)),
    )


PAGES = (PageRoute("GET", "/images/outdated", outdated, query=OutdatedPageParameters),)
