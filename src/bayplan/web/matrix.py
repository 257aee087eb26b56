"""The matrix: which images run on which nodes, all at once; a cell with its reasons; and the matrix as files."""

import asyncio
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Invalid, Problem
from bayplan.exports.matrix_csv import matrix_csv
from bayplan.exports.matrix_markdown import matrix_markdown
from bayplan.exports.matrix_picture import MatrixPicture, group_title, kind_title
from bayplan.exports.matrix_svg import matrix_svg
from bayplan.schemas.matrix import MatrixRequest
from bayplan.server.context import Context
from bayplan.server.http.parameters import LINE, NoParameters, Offset, Parameters
from bayplan.server.http.responses import UNCACHED
from bayplan.server.matrix import queries
from bayplan.web.filters import OF_IMAGES, OF_NODES, images_filter, names, nodes_filter
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import facts_in_words
from bayplan.web.listing import Pager, address_with
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

MOST_CELLS, MOST_COLUMNS, MOST_ROWS = 1_600, 40, 200
"""The cells of one page, each a link: as many have 150 kB; and its kinds and its groups."""
MOST_NAMED = 100
"""The images and the nodes that the page of a cell names."""
_Text = Annotated[str, LINE]


class MatrixFilters(Parameters):
    """Which images and which nodes."""

    framework: _Text = Field("", description="The framework of the images.")
    domain: _Text = Field("", description="The domain of the images.")
    task: _Text = Field("", description="The task of the images.")
    gpu: _Text = Field("", description="A part of the GPU's name.")
    driver: _Text = Field("", description="The driver of the nodes: a branch, a version, or a comparison.")
    label: _Text = Field("", description="Labels of the nodes, with commas between them.")

    def texts(self) -> dict[str, str]:
        """The fields that are filled in."""
        return {name: text for name in (*OF_IMAGES, *OF_NODES) if (text := str(getattr(self, name)).strip())}


class MatrixParameters(MatrixFilters):
    """The filters, and the part of the matrix that is shown."""

    offset: Offset = Field(0, description="How many groups are left out.")
    column: Offset = Field(0, description="How many kinds are left out.")


async def matrix(context: Context, call: PageCall[MatrixParameters]) -> Response:
    """Shows the matrix, or where it is large a part of it, and the form that chooses images and nodes."""
    query = call.query
    values = query.texts()
    form = Form({name: [text] for name, text in values.items()})
    catalogue = await context.judge.at(call.version)
    picture, status = None, 200
    try:
        picture = await _picture(context, call, query)
    except Invalid as error:
        form, status = form.with_mistakes(error), 422
    shown: dict[str, object] = {}
    if picture is not None:
        most_rows = min(MOST_ROWS, MOST_CELLS // max(1, min(MOST_COLUMNS, len(picture.columns))))
        row, column = _start(query.offset, len(picture.rows)), _start(query.column, len(picture.columns))
        rows, columns = picture.rows[row : row + most_rows], picture.columns[column : column + MOST_COLUMNS]
        shown = {
            "rows": [(each, each.cells[column : column + MOST_COLUMNS]) for each in rows],
            "columns": columns,
            "row_pages": _pages(call, len(picture.rows), row, len(rows), most_rows, "offset", query.column),
            "column_pages": _pages(
                call, len(picture.columns), column, len(columns), MOST_COLUMNS, "column", query.offset
            ),
        }
    files = f"?{urlencode(values)}" if values else ""
    return await rendered(
        context,
        call,
        "matrix.html",
        "Matrix",
        status,
        form=form,
        picture=picture,
        is_narrowed=bool(values),
        domains=_choices(names(catalogue, "domain"), values.get("domain")),
        tasks=_choices(names(catalogue, "task"), values.get("task")),
        files=[
            (word, f"/matrix.{ending}{files}") for word, ending in (("SVG", "svg"), ("CSV", "csv"), ("Markdown", "md"))
        ],
        **{"rows": (), "columns": (), "row_pages": None, "column_pages": None, **shown},
    )


async def cell(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows the verdict of a group of images on a kind of nodes, with its reasons and remedies."""
    parameters = call.request.path_params
    pair = await queries.group_on_kind(context, parameters["group"], parameters["kind"], call.version)
    images = [(pk, pair.images[pk].name) for pk in pair.group.images[:MOST_NAMED]]
    nodes = await queries.node_names(context, pair.kind.nodes[:MOST_NAMED])
    group, kind = group_title(list(pair.images.values())), kind_title(pair.worker)
    return await rendered(
        context,
        call,
        "matrix_cell.html",
        f"{group} on {kind} · Matrix",
        group=group,
        kind=kind,
        with_driver=f"/plan/{pair.group.identifier}/{pair.kind.identifier}" if pair.worker["driver_version"] else "",
        verdict=pair.verdict,
        reasons=pair.verdict.reasons,
        facts=facts_in_words(pair.worker),
        images=images,
        more_images=len(pair.group.images) - len(images),
        nodes=sorted(nodes.items()),
        more_nodes=len(pair.kind.nodes) - len(nodes),
    )


def _file(ending: str, media_type: str, text_of: Callable[[MatrixPicture], str]) -> PageRoute:
    """The address of the matrix as a file."""

    async def download(context: Context, call: PageCall[MatrixFilters]) -> Response:
        picture = await _picture(context, call, call.query)
        text = await asyncio.to_thread(text_of, picture)
        headers = {**UNCACHED, "Content-Disposition": f'attachment; filename="matrix.{ending}"'}
        return Response(text, headers=headers, media_type=media_type)

    return PageRoute("GET", f"/matrix.{ending}", download, query=MatrixFilters, most_at_once=2)


async def _picture(
    context: Context, call: PageCall[MatrixParameters] | PageCall[MatrixFilters], query: MatrixFilters
) -> MatrixPicture:
    """The matrix of the images and nodes that the fields choose; raises `Invalid` at those that are wrong."""
    values = query.texts()
    catalogue = await context.judge.at(call.version)
    problems: list[Problem] = []
    filters: dict[str, object] = {}
    choices: dict[str, Callable[[], object]] = {
        "filter": lambda: images_filter(catalogue, values),
        "nodes": lambda: nodes_filter(values),
    }
    for name, chosen in choices.items():
        try:
            filters[name] = chosen()
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid("", problems=problems)
    if values:
        request = parse_body(filters, MatrixRequest)
        fleet = await queries.fleet_matrix(context, call.principal, request, call.version)
    else:
        fleet = await queries.whole_matrix(context, call.version)
    return await asyncio.to_thread(lambda: fleet.picture)


def _start(offset: int, total: int) -> int:
    return offset if offset < total else 0


def _pages(
    call: PageCall[MatrixParameters], total: int, first: int, shown: int, most: int, name: str, other: int
) -> Pager:
    """The place of a part of the rows or of the columns; the other one stays."""
    stays = {"column" if name == "offset" else "offset": other or None}

    def address(to: int) -> str:
        return address_with(call.request, **{name: to or None, **stays})

    previous = address(max(0, first - most)) if first else ""
    return Pager(total, first, shown, previous, address(first + most) if first + shown < total else "")


def _choices(existing: list[str], chosen: str | None) -> list[tuple[str, str]]:
    extra = [chosen] if chosen and chosen not in existing else []
    return [("", "any"), *((name, name) for name in [*extra, *existing])]


PAGES = (
    PageRoute("GET", "/matrix", matrix, label="Matrix", query=MatrixParameters, most_at_once=2),
    _file("svg", "image/svg+xml", matrix_svg),
    _file("csv", "text/csv", matrix_csv),
    _file("md", "text/markdown", matrix_markdown),
    PageRoute("GET", "/matrix/{group}/{kind}", cell, most_at_once=4),
)
