"""`bayplan user rm`: takes users away, so that what they made stays."""

from typing import Annotated

import typer

from bayplan.cli.options import Database, Home, Server, Yes


def rm(
    usernames: Annotated[list[str], typer.Argument(metavar="NAME", help="The users' names.", show_default=False)],
    yes: Yes = False,
    server: Server = None,
    home: Home = None,
    database: Database = None,
) -> None:
    """Deactivate users; for staff.

    Their sessions and tokens end, and what they made stays. `bayplan user set NAME --active` lets them log in again.
    """
    from bayplan.cli import prompt
    from bayplan.cli.user import _where

    with _where.users_at(server, home, database) as users:
        existing = [_where.find(users, username) for username in usernames]
        named = ", ".join(f"{user['username']}{' (staff)' if user['is_staff'] else ''}" for user in existing)
        if prompt.agreed(f"Deactivate {named}?", yes=yes):
            for user in existing:
                users.change(user["username"], {"is_active": False})
                typer.echo(f"Deactivated {user['username']}.")
