"""Shows the history of the catalogue: a line for each object that a write changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, moment, show, table, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayplan.schemas.history import FieldChange, HistoryEntry


def show_history(entries: Sequence[HistoryEntry]) -> None:
    """Prints the entries as a table."""
    columns = (
        Column("time"),
        Column("version", right=True, spare=2),
        Column("user"),
        Column("action"),
        Column("what"),
        Column("changes", gives_way=True),
    )
    rows = [
        (
            moment(entry["time"]),
            entry["version"],
            entry["user"] or "the server",
            entry["action"],
            entry["resource"] if entry["pk"] is None else f"{entry['resource']} {entry['pk']}",
            "; ".join(change for name, values in entry["changes"].items() if (change := _change(name, values))) or "-",
        )
        for entry in entries
    ]
    if not rows:
        return show(Text("Nothing was changed.", style=MUTED))
    return show(table(columns, rows), Text("1 entry" if len(rows) == 1 else f"{len(rows):,} entries", style=MUTED))


def _change(name: str, values: FieldChange) -> str:
    """The text of a field's change, "tasks: train -> train, predict"; only the new value where there was none before."""
    before, after = values["before"], values["after"]
    if before in (None, []):
        return "" if after in (None, []) else f"{name}: {words(after)}"
    return f"{name}: {words(before)} -> {words(after)}"
