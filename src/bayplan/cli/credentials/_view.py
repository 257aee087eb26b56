"""Shows the credentials of registries: a line for each user name at each registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, ago, count, show, table

if TYPE_CHECKING:
    from bayplan.schemas.credentials import RegistryCredentialsAnswer


def show_credentials(credentials: Sequence[RegistryCredentialsAnswer]) -> None:
    """Prints the credentials as a table, a line for each."""
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
            entry["registry"],
            entry["username"],
            entry["images"],
            Text(str(entry["passwords"]), style="yellow" if entry["passwords"] > 1 else ""),
            ago(entry["last_used"]),
            Text(ago(entry["last_refused"]), style="red" if _is_refused(entry) else ""),
            ago(entry["last_given"]),
        )
        for entry in credentials
    ]
    if not rows:
        return show(Text("No image has credentials.", style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), "entry", "entries"), style=MUTED))


def name(entry: RegistryCredentialsAnswer) -> str:
    """The registry and the user name, as `credentials rotate` takes them."""
    return f"{entry['registry']} {entry['username']}"


def _is_refused(entry: RegistryCredentialsAnswer) -> bool:
    """Whether the registry refused the credentials after it last took them."""
    return entry["last_refused"] is not None and (entry["last_used"] or "") < entry["last_refused"]
