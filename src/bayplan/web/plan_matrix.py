"""The matrix before and after a plan as the page shows it: rows and columns with what becomes of them, and cells with what changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from bayplan.domain.compatibility.comparison import Line, MatrixComparison
from bayplan.domain.compatibility.matrix import Cell
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.verdict import ORDER
from bayplan.domain.worker_text import written_worker
from bayplan.exports.matrix_picture import SIGNS, PicturedImage, group_titles, kind_title
from bayplan.server.matching.queries import facts_shown
from bayplan.server.what_if.queries import PlannedFleet
from bayplan.web.formats import short

MARKS: Mapping[str, tuple[str, str]] = {
    "gains": ("▲", "runs, and did not run before"),
    "loses": ("▼", "does not run any more"),
    "better": ("△", "a better grade than before"),
    "worse": ("▽", "a worse grade than before"),
    "new": ("+", "the images or the nodes are new"),
    "gone": ("−", "the images or the nodes are not there any more"),
}
"""By what becomes of a cell: its sign, and what that means."""


@dataclass(frozen=True, slots=True)
class PlanCell:
    """The grade after the plan, or the last one; with what becomes of it, and what it was where that is another."""

    text: str
    grade: str
    mark: str
    path: str
    """Where its reasons are; empty where there is no page of them."""


_MOST_LETTERS = 120
"""The letters of a title."""
_NEVER = PlanCell("−", "", "", "")


@dataclass(frozen=True, slots=True)
class PlanHead:
    """The head of a row or a column: its title, its number of members, on how many it runs before and after, what becomes of it."""

    title: str
    members: int
    before: int
    after: int
    mark: str
    path: str = ""
    """What runs on nodes that are new; empty for all others."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Images with their cells."""

    head: PlanHead
    cells: Sequence[PlanCell]


@dataclass(frozen=True, slots=True)
class PlanPicture:
    """The part of the matrix that a page shows, and the marks that are in it."""

    rows: Sequence[PlanRow]
    columns: Sequence[PlanHead]
    marks: Sequence[str]
    grades: Sequence[str]


def plan_picture(
    planned: PlannedFleet, titles: Mapping[str, str], driver: str, rows: Sequence[Line], columns: Sequence[Line]
) -> PlanPicture:
    """Gives the part with these rows and columns; `titles` are those of the kinds that the fleet has now, `driver` the new one."""
    comparison = planned.comparison
    heads = [_column(planned, titles, column) for column in columns]
    names = group_titles([[_pictured(planned, pk) for pk in row.members] for row in rows])
    shown = [
        PlanRow(
            PlanHead(short(title, _MOST_LETTERS), len(row.members), *comparison.nodes(row), _line_mark(row)),
            [_cell(comparison, row, column, driver) for column in columns],
        )
        for title, row in zip(names, rows, strict=True)
    ]
    marks = {cell.mark for row in shown for cell in row.cells}
    grades = {word for row in shown for cell in row.cells for word in cell.text.split()}
    return PlanPicture(
        shown, heads, [mark for mark in MARKS if mark in marks], [grade for grade in SIGNS if grade in grades]
    )


def _column(planned: PlannedFleet, titles: Mapping[str, str], line: Line) -> PlanHead:
    comparison = planned.comparison
    old = None if line.before is None else comparison.old.kinds[line.before]
    new = None if line.after is None else comparison.new.kinds[line.after]
    kind = old or new
    assert kind is not None
    tables = planned.catalogue.tables
    facts = facts_shown(kind.node, tables)
    title = short(titles.get(kind.identifier) or kind_title(facts), _MOST_LETTERS)
    if old is not None and new is not None and not line.is_same:
        title = f"{title} → {_difference(old.node, new.node)}"
    path = f"/ask?{urlencode({'worker': written_worker(facts, tables)})}" if old is None else ""
    return PlanHead(title, len(line.members), *comparison.images(line), _column_mark(planned, line), path)


def _column_mark(planned: PlannedFleet, line: Line) -> str:
    if not line.is_same:
        return _line_mark(line)
    members = frozenset(line.members)
    changes = {"loses": planned.answer.nodes_lost, "gains": planned.answer.nodes_gained}
    return next(
        (mark for mark, lost in changes.items() if any(not members.isdisjoint(each.nodes) for each in lost)), ""
    )


def _difference(old: Node, new: Node) -> str:
    if old.driver_version != new.driver_version:
        return f"driver {new.driver_version}"
    return "without what was measured with the driver"


def _line_mark(line: Line) -> str:
    if line.before is None:
        return "new"
    if line.after is None:
        return "gone"
    return "" if line.is_same else "changed"


def _pictured(planned: PlannedFleet, pk: int) -> PicturedImage:
    order: ImageOrder = (planned.before if pk > 0 else planned.after).index.order
    place = order.place(pk)
    assert place is not None
    _, _, _, requirements, (name, version) = order.entries[place]
    image = planned.catalogue.images.get(pk, requirements.declared)
    framework = "-" if image.framework is None else f"{image.framework} {image.framework_version}"
    return PicturedImage(f"{name}:{version}" if version else name, framework, image.cuda)


def _cell(comparison: MatrixComparison, row: Line, column: Line, driver: str) -> PlanCell:
    old, new = comparison.cells(row, column)
    cell = new or old
    if cell is None:  # images that are retired, and nodes that are added
        return _NEVER
    mark = _mark(old, new)
    text = _word(cell)
    if old is not None and new is not None and old.grade != new.grade:
        text = f"{_word(old)} → {text}"
    return PlanCell(text, cell.grade.value, mark, _path(comparison, row, column, driver))


def _word(cell: Cell) -> str:
    return f"{SIGNS[cell.grade.value]} {cell.grade.value}"


def _mark(old: Cell | None, new: Cell | None) -> str:
    if old is None:
        return "new"
    if new is None:
        return "gone"
    if old.runs != new.runs:
        return "gains" if new.runs else "loses"
    if old.grade == new.grade:
        return ""
    return "better" if ORDER[new.grade] < ORDER[old.grade] else "worse"


def _path(comparison: MatrixComparison, row: Line, column: Line, driver: str) -> str:
    """The page with the reasons: of images and nodes that the catalogue has, the nodes perhaps with the new driver."""
    if row.before is None or column.before is None:
        return ""
    path = f"{comparison.old.groups[row.before].identifier}/{comparison.old.kinds[column.before].identifier}"
    if row.after is None or column.after is None or column.is_same:
        return f"/matrix/{path}"
    return f"/plan/{path}?{urlencode({'to': driver})}"
