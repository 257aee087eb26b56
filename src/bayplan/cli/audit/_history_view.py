"""Shows the history of the catalogue: a line for each object that a write changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, entry_count, moment, show, table
from bayplan.exports.history_words import changes, subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayplan.exports.history_words import Names
    from bayplan.schemas.history import HistoryEntry


def show_history(entries: Sequence[HistoryEntry], names: Names, *, has_more: bool) -> None:
    """Prints the entries as a table; `names` has the names of objects that the entries do not name."""
    columns = (
        Column("time"),
        Column("version", right=True, spare=2),
        Column("user"),
        Column("action"),
        Column("what", gives_way=True),
        Column("changes", gives_way=True),
    )
    rows = [
        (
            moment(entry["time"]),
            entry["version"],
            entry["user"] or "the server",
            entry["action"],
            subject(entry, names),
            changes(entry, names),
        )
        for entry in entries
    ]
    if not rows:
        return show(Text("There are no changes.", style=MUTED))
    return show(table(columns, rows), Text(entry_count(len(rows), has_more=has_more), style=MUTED))
