"""The matrix for wikis and pull requests: a table of GitHub Flavored Markdown."""

import re

from bayplan.exports.matrix_picture import MEANINGS, SIGNS, MatrixPicture

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+!|~$@:-])")


def matrix_markdown(picture: MatrixPicture) -> str:
    """The summary, the table with its totals, and the signs of the grades; names are text and nothing else."""
    head = ["Images", "Runs on", *[_text(column.label) for column in picture.columns]]
    lines = [picture.summary, "", _line(head), _line([":---", "---:", *("---" for _ in picture.columns)])]
    for row in picture.rows:
        on = "**no node**" if row.is_stranded else f"{row.nodes:,} of {picture.nodes:,}"
        cells = [cell.text for cell in row.cells]
        lines.append(_line([f"{_text(row.title)} ({row.images:,})", on, *cells]))
    totals = [
        "**none**" if column.is_stranded else f"{column.images:,} of {picture.images:,}" for column in picture.columns
    ]
    lines += [_line(["Images that run", "", *totals]), ""]
    lines += [f"* {SIGNS[grade]} {grade}: {MEANINGS[grade]}" for grade in picture.grades]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """The text without a line end or a control character, and with everything escaped that Markdown or HTML would read."""
    visible = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return _SPECIAL.sub(r"\\\1", visible.replace("&", "&amp;")).replace("\\<", "&lt;").replace("\\>", "&gt;")
