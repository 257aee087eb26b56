"""What if: a plan of changes as a form, what they lead to; and the driver upgrades worth making."""

from collections import Counter
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field
from starlette.responses import Response

from bayplan.domain.compatibility.overrides import takes_driver
from bayplan.domain.compatibility.upgrades import is_maintained
from bayplan.errors import Invalid, Problem
from bayplan.exports.matrix_picture import group_title, kind_title
from bayplan.schemas.match import WorkerFacts
from bayplan.server.context import Context
from bayplan.server.http.parameters import LINE, Parameters
from bayplan.server.matching.queries import today
from bayplan.server.matrix import queries as matrix_queries
from bayplan.server.what_if import queries
from bayplan.web.form import Form, parse_body
from bayplan.web.kinds import kind_options
from bayplan.web.listing import Pager, address_with, pager
from bayplan.web.matrix import MOST_COLUMNS, MOST_ROWS
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.plan_form import FIELDS, OF_PLAN, PlanForm, PlanParameters, placed, read_plan, without_field
from bayplan.web.plan_gains import gains, totals
from bayplan.web.plan_matrix import MARKS, plan_picture
from bayplan.web.rendering import rendered
from bayplan.web.upgrades import UPGRADE_COLUMNS, shown_upgrades

MOST_CELLS = 1_200
"""The cells of one page, where each may have two grades and a link: as many have 190 kB."""
_KINDS = 20
"""The kinds whose upgrades a page shows."""


class PlanCellParameters(Parameters):
    """The driver with which the nodes of a cell are judged as well."""

    to: Annotated[str, LINE] = Field("", description="The new driver.")


async def plan(context: Context, call: PageCall[PlanParameters]) -> Response:
    """Shows the form, and what the changes lead to; without changes the upgrades of the nodes that are chosen."""
    texts = call.query.texts()
    form = Form({name: [text] for name, text in texts.items()})
    status, shown = 200, dict[str, object]()
    try:
        read = await read_plan(context, call)
        shown = {"notes": read.notes, "chosen": None if read.chosen is None else len(read.chosen)}
        if any(name in texts for name in OF_PLAN):
            shown |= await _answer(context, call, read.plan)
        else:
            shown |= await _upgrades(context, call, read)
    except Invalid as error:
        form, status = form.with_mistakes(error), 422
    catalogue = await context.judge.at(call.version)
    empty = {"notes": (), "chosen": None, "answer": None, "kinds": None}
    return await rendered(
        context,
        call,
        "plan.html",
        "Plan",
        status,
        form=form,
        fields=FIELDS,
        kind_options=[("", "any"), *await kind_options(context, call.version, form.text("kind"))],
        drivers=await _drivers(context, call.version),
        is_empty=not len(catalogue.index) and not (await context.kinds.at(call.version)).nodes,
        **{**empty, **shown},
    )


async def _answer(context: Context, call: PageCall[PlanParameters], changes: queries.Plan) -> dict[str, object]:
    query = call.query
    try:
        planned = await queries.planned(context, changes, call.version)
    except Invalid as error:
        raise placed(error) from None
    fleet = await context.kinds.at(call.version)
    comparison = planned.comparison
    columns, rows = comparison.columns, comparison.rows
    most_rows = min(MOST_ROWS, MOST_CELLS // max(1, min(MOST_COLUMNS, len(columns))))
    row = query.offset if query.offset < len(rows) else 0
    column = query.column if query.column < len(columns) else 0
    titles = {kind.identifier: title for kind, title in zip(fleet.kinds, fleet.titles, strict=True)}
    picture = plan_picture(
        planned,
        titles,
        query.to.strip(),
        rows[row : row + most_rows],
        columns[column : column + MOST_COLUMNS],
    )
    return {
        "answer": planned.answer,
        "totals": totals(planned),
        "gains": gains(planned, fleet.names),
        "comparison": comparison,
        "picture": picture,
        "added": [head for head in picture.columns if head.mark == "new"],
        "marks": [(mark, *MARKS[mark]) for mark in picture.marks],
        "signs": {mark: sign for mark, (sign, _) in MARKS.items()},
        "row_pages": _pages(call, len(rows), row, len(picture.rows), most_rows, "offset"),
        "column_pages": _pages(call, len(columns), column, len(picture.columns), MOST_COLUMNS, "column"),
    }


async def _upgrades(context: Context, call: PageCall[PlanParameters], read: PlanForm) -> dict[str, object]:
    """The upgrades of the kinds that the chosen nodes are of, so many kinds on a page."""
    fleet = await context.kinds.at(call.version)
    sizes: dict[str, int] = {}
    for kind, capabilities in zip(fleet.kinds, fleet.capabilities, strict=True):
        size = sum(read.chosen is None or pk in read.chosen for pk in kind.nodes)
        if size and capabilities.driver is not None and takes_driver(capabilities):
            sizes[kind.identifier] = size
    offset = call.query.offset if call.query.offset < len(sizes) else 0
    part = dict(list(sizes.items())[offset : offset + _KINDS])
    kinds = await shown_upgrades(context, call.version, part, read.choice)
    best = Counter(upgrade.driver for kind in kinds for upgrade in kind.upgrades if upgrade.is_best).most_common(1)
    of_kind = {"kind": call.query.kind.strip()} if call.query.kind.strip() else {}
    return {
        "kinds": kinds,
        "best": [
            (driver, number, f"/plan?{urlencode({**read.choice, **of_kind, 'to': driver})}#answer")
            for driver, number in best
            if len(kinds) > 1
        ],
        "without": len(part) - len(kinds),
        "with_driver": len(sizes),
        "place": pager(call.request, len(sizes), offset, len(part), _KINDS),
        "upgrade_columns": UPGRADE_COLUMNS,
    }


def _pages(call: PageCall[PlanParameters], total: int, first: int, shown: int, most: int, name: str) -> Pager:
    """The place of a part of the rows or of the columns; the other one stays."""
    other = {"column": call.query.column or None} if name == "offset" else {"offset": call.query.offset or None}

    def address(to: int) -> str:
        return address_with(call.request, **{name: to or None, **other})

    previous = address(max(0, first - most)) if first else ""
    return Pager(total, first, shown, previous, address(first + most) if first + shown < total else "")


async def cell(context: Context, call: PageCall[PlanCellParameters]) -> Response:
    """Shows the verdict of a group of images on a kind of nodes as it is, and with another driver where one is typed."""
    parameters = call.request.path_params
    pair = await matrix_queries.group_on_kind(context, parameters["group"], parameters["kind"], call.version)
    driver = call.query.to.strip()
    form, status = Form({"to": [driver]} if driver else {}), 200
    sides = [("Now", pair.verdict)]
    if driver:
        try:
            facts = parse_body({"driver_version": driver}, WorkerFacts)
            after = await queries.group_with_driver(context, pair, facts, call.version)
            sides.append((f"With driver {driver}", after))
        except Invalid as error:
            problems = [Problem("to", problem.code, without_field(problem.detail)) for problem in error.problems]
            form, status = form.with_mistakes(Invalid(error.detail, problems=problems)), 422
    group, kind = group_title(list(pair.images.values())), kind_title(pair.worker)
    chosen = {"kind": pair.kind.identifier, **({"to": driver} if len(sides) > 1 else {})}
    return await rendered(
        context,
        call,
        "plan_cell.html",
        f"{group} on {kind} with another driver · Plan",
        status,
        form=form,
        group=group,
        kind=kind,
        sides=sides,
        drivers=await _drivers(context, call.version),
        path=f"/plan/{pair.group.identifier}/{pair.kind.identifier}",
        matrix=f"/matrix/{pair.group.identifier}/{pair.kind.identifier}",
        plan=f"/plan?{urlencode(chosen)}",
    )


async def _drivers(context: Context, version: int) -> list[str]:
    """A driver of each branch that NVIDIA maintains."""
    tables, day = (await context.judge.at(version)).tables, today()
    return [str(tables.newest_driver(row.branch)) for row in tables.driver_branches if is_maintained(row, day)]


PAGES = (
    PageRoute("GET", "/plan", plan, label="Plan", query=PlanParameters, most_at_once=2),
    PageRoute("GET", "/plan/{group}/{kind}", cell, query=PlanCellParameters, most_at_once=4),
)
