"""Users on the screen."""

import json

from rich.text import Text

from bayplan.cli.output import MUTED, Column, count, moment, show, table


def show_users(users: bytes) -> None:
    """The users as a table, a line for each."""
    found = json.loads(users)
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
        for user in found
    ]
    show(table(columns, rows), Text(count(len(rows), "user"), style=MUTED))
