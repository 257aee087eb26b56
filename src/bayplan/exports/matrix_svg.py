"""The matrix as a picture of its own: SVG with a title and a description, light or dark as the reader's screen is."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from bayplan.exports.matrix_picture import MEANINGS, SIGNS, MatrixPicture, PictureCell

_CELL_WIDTH, _CELL_HEIGHT, _GAP, _MARGIN = 84, 26, 2, 16
_LETTER = 8.4  # the width of a bold letter of the titles, in pixels; the widest ones stand beside narrow ones
_TOTAL_WIDTH = 110
_LINE = 20

# Background and text of each grade; every pair has a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
_LIGHT = {
    "native": ("#1a7f37", "#ffffff"),
    "minor": ("#aceebb", "#033a16"),
    "forward": ("#b6e3ff", "#0a3069"),
    "cpu": ("#d8dee4", "#1f2328"),
    "jit": ("#e2c5ff", "#3a1f6b"),
    "unknown": ("#fae17d", "#4d2d00"),
    "no": ("#cf222e", "#ffffff"),
}
_DARK = {
    "native": ("#2ea043", "#04130a"),
    "minor": ("#0f5323", "#d2f7da"),
    "forward": ("#0c4a86", "#e0f0ff"),
    "cpu": ("#3d444d", "#f0f6fc"),
    "jit": ("#553098", "#f3e8ff"),
    "unknown": ("#7a5600", "#fff3c4"),
    "no": ("#b62324", "#ffffff"),
}


def matrix_svg(picture: MatrixPicture) -> str:
    """The picture: a row for each group, a column for each kind, totals, and the signs; a reader's pointer shows the reasons."""
    left = _MARGIN + _width([row.title for row in picture.rows], extra=6) + _GAP
    top = 2 * _MARGIN + _LINE + _width([column.label for column in picture.columns], extra=1)
    right = left + len(picture.columns) * (_CELL_WIDTH + _GAP)
    bottom = top + len(picture.rows) * (_CELL_HEIGHT + _GAP)
    width = max(right + _TOTAL_WIDTH, _MARGIN + _width([picture.summary], extra=2))
    height = bottom + _CELL_HEIGHT + 2 * _MARGIN + _LINE * len(picture.grades)
    cells = {
        cell: f"c{number}" for number, cell in enumerate(dict.fromkeys(c for row in picture.rows for c in row.cells))
    }
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">'
    )
    parts = [
        start,
        '<title id="title">Which image runs on which node</title>',
        f'<desc id="description">{_text(_description(picture))}</desc>',
        f"<style>{_style()}</style>",
        "<defs>",
        *(_symbol(identifier, cell) for cell, identifier in cells.items()),
        "</defs>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 13}">{_text(picture.summary)}</text>',
        *_columns(picture, left, top, bottom),
        *_rows(picture, left, top, right, cells),
        *_legend(picture, bottom + _CELL_HEIGHT + 2 * _MARGIN),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _columns(picture: MatrixPicture, left: int, top: int, bottom: int) -> Iterator[str]:
    for number, column in enumerate(picture.columns):
        middle = left + number * (_CELL_WIDTH + _GAP) + _CELL_WIDTH // 2
        class_ = ' class="stranded"' if column.is_stranded else ""
        yield f'<text{class_} transform="translate({middle + 4} {top - 6}) rotate(-90)">{_text(column.label)}</text>'
        total = "! no image" if column.is_stranded else f"{column.images:,} of {picture.images:,}"
        yield f'<text{class_} x="{middle}" y="{bottom + 18}" text-anchor="middle">{total}</text>'
    yield f'<text x="{left - 6}" y="{bottom + 18}" text-anchor="end">images that run</text>'


def _rows(picture: MatrixPicture, left: int, top: int, right: int, cells: dict[PictureCell, str]) -> Iterator[str]:
    for number, row in enumerate(picture.rows):
        y = top + number * (_CELL_HEIGHT + _GAP)
        class_ = ' class="stranded"' if row.is_stranded else ""
        title = f"{row.title} ({row.images:,})"
        yield f'<text{class_} x="{left - 6}" y="{y + 18}" text-anchor="end">{_text(title)}</text>'
        for at, cell in enumerate(row.cells):
            yield f'<use href="#{cells[cell]}" x="{left + at * (_CELL_WIDTH + _GAP)}" y="{y}"/>'
        total = "! no node" if row.is_stranded else f"{row.nodes:,} of {picture.nodes:,}"
        yield f'<text{class_} x="{right + 6}" y="{y + 18}">{total}</text>'


def _legend(picture: MatrixPicture, top: int) -> Iterator[str]:
    for number, grade in enumerate(picture.grades):
        y = top + number * _LINE
        yield f'<rect class="{grade}" x="{_MARGIN}" y="{y - 13}" width="18" height="18"/>'
        yield f'<text class="{grade}-text" x="{_MARGIN + 9}" y="{y + 1}" text-anchor="middle">{SIGNS[grade]}</text>'
        yield f'<text x="{_MARGIN + 26}" y="{y + 1}">{grade}: {_text(MEANINGS[grade])}</text>'


def _symbol(identifier: str, cell: PictureCell) -> str:
    return (
        f'<g id="{identifier}"><title>{_text(cell.reasons)}</title>'
        f'<rect class="{cell.grade}" width="{_CELL_WIDTH}" height="{_CELL_HEIGHT}"/>'
        f'<text class="{cell.grade}-text" x="{_CELL_WIDTH // 2}" y="18" text-anchor="middle">{cell.text}</text></g>'
    )


def _style() -> str:
    light = _colours(_LIGHT, "#ffffff", "#1f2328", "#a40e26")
    dark = _colours(_DARK, "#0d1117", "#f0f6fc", "#ff8182")
    return f"{light}@media (prefers-color-scheme: dark){{{dark}}}"


def _colours(grades: dict[str, tuple[str, str]], page: str, text: str, stranded: str) -> str:
    rules = [f".page{{fill:{page}}}", f"text{{fill:{text}}}", f".stranded{{fill:{stranded};font-weight:bold}}"]
    for grade, (background, letters) in grades.items():
        rules += [f".{grade}{{fill:{background}}}", f".{grade}-text{{fill:{letters}}}"]
    return "".join(rules)


def _description(picture: MatrixPicture) -> str:
    stranded = [row.title for row in picture.rows if row.is_stranded]
    idle = [column.title for column in picture.columns if column.is_stranded]
    parts = [picture.summary]
    if stranded:
        parts.append(f"On no node run: {'; '.join(stranded)}.")
    if idle:
        parts.append(f"No image runs on: {'; '.join(idle)}.")
    return " ".join(parts)


def _width(titles: list[str], extra: int) -> int:
    """The room for the longest of these; letters of East Asia are two wide."""
    return int(
        _LETTER
        * max((sum(2 if ord(letter) > 0x1100 else 1 for letter in title) + extra for title in titles), default=0)
    )


def _text(text: str) -> str:
    """The text as XML has it, without control characters, which it may not have, and without those that turn its direction."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
