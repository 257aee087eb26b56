"""Shows the users: a line for each, with rights and last log-in."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from bayplan.cli.output import MUTED, Column, count, moment, show, table


def name(user: Mapping[str, Any]) -> str:
    """The name of a user."""
    return str(user["username"])


def show_users(users: Sequence[Mapping[str, Any]]) -> None:
    """Prints the users as a table with a line for each."""
    columns = (
        Column("pk", right=True),
        Column("user"),
        Column("name", gives_way=True),
        Column("rights"),
        Column("last log-in", gives_way=True),
    )
    rows = [
        (
            user["pk"],
            user["username"],
            f"{user['first_name']} {user['last_name']}".strip() or "-",
            ("staff" if user["is_staff"] else "reads") if user["is_active"] else "deactivated",
            moment(user["last_login"]),
        )
        for user in users
    ]
    show(table(columns, rows), Text(count(len(rows), "user"), style=MUTED))
