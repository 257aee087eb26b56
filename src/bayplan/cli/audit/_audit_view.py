"""Shows the audit log: who was given which registry passwords, when, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, entry_count, moment, show, table

if TYPE_CHECKING:
    from bayplan.schemas.audit import AuditEntry

# Of a set of images whose keys lie far apart; --json has all ranges.
_MOST_RANGES = 5


def show_audit(entries: Sequence[AuditEntry], *, has_more: bool) -> None:
    """Prints the entries as a table, a line for each."""
    columns = (
        Column("first", spare=3),
        Column("last"),
        Column("times", right=True),
        Column("to"),
        Column("name", gives_way=True),
        Column("from", spare=2),
        Column("by"),
        Column("passwords", right=True, spare=1),
        Column("images", gives_way=True),
    )
    rows = [
        (
            moment(entry["at"]),
            moment(entry["last"]),
            f"{entry['times']:,}",
            entry["kind"],
            entry["name"],
            entry["address"],
            entry["action"],
            f"{entry['passwords']:,}",
            _ranges(entry["images"]),
        )
        for entry in entries
    ]
    if not rows:
        return show(Text("There are no entries.", style=MUTED))
    return show(table(columns, rows), Text(entry_count(len(rows), has_more=has_more), style=MUTED))


def _ranges(images: Sequence[tuple[int, int]]) -> str:
    """The keys of images in a line: "1, 4-9 and 3 more"; each range is its first and its last key."""
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in images[:_MOST_RANGES]]
    left_out = [f"and {len(images) - _MOST_RANGES:,} more"] if len(images) > _MOST_RANGES else []
    return ", ".join([*shown, *left_out]) or "-"
