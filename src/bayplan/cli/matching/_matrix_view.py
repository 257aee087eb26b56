"""Shows the matrix: a table of groups of images by numbered kinds of nodes, with the kinds and the signs below it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from bayplan.cli.images import _view as image_view
from bayplan.cli.output import (
    GRADE_STYLES,
    MUTED,
    Column,
    Lines,
    count,
    fields,
    show,
    table,
    terminal_width,
    words,
)
from bayplan.client import Client
from bayplan.exports.matrix_picture import MEANINGS, SIGNS, MatrixPicture, PictureColumn, PicturedImage, PictureRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bayplan.client.filters import Expression

_STRANDED = GRADE_STYLES["no"]
_GAP = 2
_LEAST_TITLE = 20  # of the groups' titles, which are wrapped
_LEAST_COLUMNS = 3
# For an output that cannot have the signs of the picture.
_PLAIN_SIGNS = {"native": "+", "minor": "~", "forward": "^", "cpu": "o", "jit": ".", "unknown": "?", "no": "x"}


def pictured(client: Client, expressions: Sequence[Expression]) -> dict[int, PicturedImage]:
    """What the picture shows of the images that these expressions choose, by key."""
    return {
        image["pk"]: PicturedImage(
            image_view.name(image),
            image_view.framework(image["framework"]),
            None if image["cuda_version"] is None else image_view.cuda(image),
        )
        for image in client.images.without_credentials(*expressions)
    }


def show_matrix(picture: MatrixPicture) -> None:
    """Prints the groups in rows, as many kinds in columns as there is room for, totals, and what the signs say.

    Where there is room for few, each group is a block that names its kinds by grade.
    """
    head = fields([("Result", picture.summary)])
    if not picture.rows or not picture.columns:
        return show(head, *_nothing(picture))
    signs = _signs()
    fitting = _room(picture, signs)
    if fitting < min(_LEAST_COLUMNS, len(picture.columns)):
        parts, shown = _blocks(picture, signs), picture.columns
    else:
        shown = picture.columns[:fitting]
        parts = [_table(picture, shown, signs)]
    legend = fields((_cell(grade, signs).plain, MEANINGS[grade]) for grade in picture.grades)
    return show(head, Text(), *parts, Text(), _kinds(shown), *_left_out(picture.columns[len(shown) :]), Text(), legend)


def _table(picture: MatrixPicture, shown: Sequence[PictureColumn], signs: Mapping[str, str]) -> Lines:
    columns = [Column("images of", gives_way=True), Column("images", right=True), Column("runs on", right=True)]
    columns += [Column(str(number)) for number in range(1, len(shown) + 1)]
    rows: list[list[object]] = []
    for row in picture.rows:
        cells = [_cell(cell.grade, signs) for cell in row.cells[: len(shown)]]
        rows.append([row.title, row.images, _runs_on(row, picture), *cells])
    totals = [Text("! none", style=_STRANDED) if kind.is_stranded else f"{kind.images:,}" for kind in shown]
    rows.append([Text("images that run", style=MUTED), Text(f"{picture.images:,}", style=MUTED), "", *totals])
    return table(columns, rows)


def _blocks(picture: MatrixPicture, signs: Mapping[str, str]) -> list[Text | Lines]:
    """For each group its title, on how many nodes it runs, and the numbers of the kinds of each grade, best first."""
    parts: list[Text | Lines] = []
    for row in picture.rows:
        by_grade: dict[str, list[int]] = {}
        for number, cell in enumerate(row.cells, 1):
            by_grade.setdefault(cell.grade, []).append(number)
        on = (
            Text("! runs on no node", style=_STRANDED)
            if row.is_stranded
            else f"runs on {row.nodes:,} of {count(picture.nodes, 'node')}"
        )
        title = Text.assemble(f"{words(row.title)}: {count(row.images, 'image')}, ", on)
        kinds = fields((_cell(grade, signs).plain, _ranges(by_grade[grade])) for grade in SIGNS if grade in by_grade)
        parts += [*([Text()] if parts else []), title, kinds]
    return parts


def _runs_on(row: PictureRow, picture: MatrixPicture) -> Text:
    return Text("! no node", style=_STRANDED) if row.is_stranded else Text(f"{row.nodes:,} of {picture.nodes:,}")


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, with those that follow each other as one: "1, 3 to 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(texts)


def _left_out(kinds: Sequence[PictureColumn]) -> list[Text]:
    if not kinds:
        return []
    nodes, stranded = sum(kind.nodes for kind in kinds), sum(kind.is_stranded for kind in kinds)
    none = f" ({stranded:,} of them {'runs' if stranded == 1 else 'run'} no image)" if stranded else ""
    more = f"{count(len(kinds), 'more kind')} with {count(nodes, 'node')}{none}: -o wide, csv or svg shows all."
    return [Text(), Text(more)]


def _nothing(picture: MatrixPicture) -> list[Text]:
    """What to do where there is nothing to show."""
    missing = "images" if not picture.rows else "nodes"
    how = {
        "images": "`bayplan images add` and `bayplan apply`",
        "nodes": "`bayplan nodes add` and `bayplan worker join`",
    }
    return [Text(f"There are no {missing} to show, or none that the options choose; {how[missing]} add some.")]


def _kinds(shown: Sequence[PictureColumn]) -> Lines:
    """The numbered kinds; one on which nothing runs is marked."""
    return fields(
        [(str(number), Text.assemble(words(kind.label), *_mark(kind))) for number, kind in enumerate(shown, 1)],
        right=True,
    )


def _mark(kind: PictureColumn) -> list[tuple[str, str]]:
    return [("  ! no image runs here", _STRANDED)] if kind.is_stranded else []


def _cell(grade: str, signs: Mapping[str, str]) -> Text:
    return Text(f"{signs[grade]} {grade}", style=GRADE_STYLES.get(grade, ""))


def _room(picture: MatrixPicture, signs: Mapping[str, str]) -> int:
    """How many kinds fit beside the titles; one at least."""
    total = len(f"{picture.nodes:,} of {picture.nodes:,}")
    stranded = len("! no node") if any(row.is_stranded for row in picture.rows) else 0
    fixed = _GAP + len("images") + _GAP + max(total, stranded, len("runs on"))
    titles = max(cell_len(word) for row in picture.rows for word in words(row.title).split())
    left = terminal_width() - max(titles, _LEAST_TITLE) - fixed
    fitting = 0
    for at in range(len(picture.columns)):
        widest = max((_cell(row.cells[at].grade, signs).cell_len for row in picture.rows), default=0)
        left -= _GAP + max(widest, len("! none"))
        if left < 0:
            break
        fitting += 1
    return max(fitting, 1)


def _signs() -> dict[str, str]:
    try:
        "".join(SIGNS.values()).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _PLAIN_SIGNS
    return dict(SIGNS)
