"""The matrix for spreadsheets: a line for each group of images, a column for each kind of nodes."""

import csv
import io

from bayplan.exports.matrix_picture import MatrixPicture

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def matrix_csv(picture: MatrixPicture) -> str:
    """CSV of RFC 4180, headed by the kinds, with the totals in the last line.

    No field is a formula to a spreadsheet, whatever the names: one that would begin as such has an apostrophe before it
    (OWASP, CSV Injection).
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    nodes = [column.label for column in picture.columns]
    lines.writerow(map(_harmless, ["group", "needs", "images", "runs on nodes", *nodes]))
    for row in picture.rows:
        cells = [cell.reasons for cell in row.cells]
        lines.writerow(map(_harmless, [row.identifier, row.title, str(row.images), str(row.nodes), *cells]))
    images = [str(column.images) for column in picture.columns]
    lines.writerow(map(_harmless, ["", "images that run", str(picture.images), str(picture.nodes), *images]))
    return text.getvalue()


def _harmless(text: str) -> str:
    visible = text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)
    return (
        f"'{visible}" if text.startswith(_STARTS_FORMULA) or visible.lstrip().startswith(_STARTS_FORMULA) else visible
    )
