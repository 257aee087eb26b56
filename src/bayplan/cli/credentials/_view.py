"""The log-ins of registries on the screen, and who was given them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, ago, count, moment, show, table

if TYPE_CHECKING:
    from bayplan.schemas.audit import AuditEntry
    from bayplan.schemas.credentials import RegistryCredentialsAnswer

# Of a set of images that lie far apart; --json has them all.
_MOST_RANGES = 5


def show_log_ins(found: Sequence[RegistryCredentialsAnswer]) -> None:
    """The log-ins as a table, a line for each."""
    columns = (
        Column("registry", gives_way=True),
        Column("user", gives_way=True),
        Column("images", right=True),
        Column("passwords", right=True, spare=3),
        Column("used"),
        Column("refused"),
        Column("given", spare=2),
    )
    rows = [
        (
            one["registry"],
            one["username"],
            one["images"],
            Text(str(one["passwords"]), style="yellow" if one["passwords"] > 1 else ""),
            ago(one["last_used"]),
            Text(ago(one["last_refused"]), style="red" if _is_refused(one) else ""),
            ago(one["last_given"]),
        )
        for one in found
    ]
    if not rows:
        return show(Text("No image has a log-in.", style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), "log-in"), style=MUTED))


def show_audit(found: Sequence[AuditEntry]) -> None:
    """The entries as a table, a line for each."""
    columns = (
        Column("first", spare=3),
        Column("last"),
        Column("times", right=True),
        Column("to"),
        Column("name", gives_way=True),
        Column("from", spare=2),
        Column("by"),
        Column("log-ins", right=True, spare=1),
        Column("images", gives_way=True),
    )
    rows = [
        (
            moment(one["at"]),
            moment(one["last"]),
            f"{one['times']:,}",
            one["kind"],
            one["name"],
            one["address"],
            one["action"],
            f"{one['passwords']:,}",
            _ranges(one["images"]),
        )
        for one in found
    ]
    if not rows:
        return show(Text("Nobody was given a password.", style=MUTED))
    return show(table(columns, rows), Text("1 entry" if len(rows) == 1 else f"{len(rows):,} entries", style=MUTED))


def _is_refused(one: RegistryCredentialsAnswer) -> bool:
    return one["last_refused"] is not None and (one["last_used"] or "") < one["last_refused"]


def _ranges(images: Sequence[tuple[int, int]]) -> str:
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in images[:_MOST_RANGES]]
    left_out = [f"and {len(images) - _MOST_RANGES:,} more"] if len(images) > _MOST_RANGES else []
    return ", ".join([*shown, *left_out]) or "-"
