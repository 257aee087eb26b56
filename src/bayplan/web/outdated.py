"""The images that are out of date, narrowed by reason; and the nodes on which no image runs."""

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
    TableColumn("Retire"),
)
_OF_NODES = (TableColumn("Node"), TableColumn("Kind"))


class OutdatedPageParameters(Parameters):
    """Which of the images that are out of date."""

    reason: Annotated[str, one_of("", *OutdatedCode)] = Field("", description="The reason.")
    offset: Offset = Field(0, description="How many images are left out.")


class StrandedPageParameters(Parameters):
    """Which part of the nodes on which no image runs."""

    offset: Offset = Field(0, description="How many nodes are left out.")


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
        columns=_OF_NODES,
        place=pager(call.request, len(nodes), call.query.offset, len(shown)),
    )


PAGES = (
    PageRoute("GET", "/images/outdated", outdated, query=OutdatedPageParameters),
    PageRoute("GET", "/nodes/stranded", stranded, query=StrandedPageParameters),
)
