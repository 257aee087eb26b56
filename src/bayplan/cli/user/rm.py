"""`bayplan user rm`: takes users away, so that what they made stays."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.options import TABLE, Database, Home, Output, Server, Yes

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome


def rm(
    usernames: Annotated[list[str], typer.Argument(metavar="NAME", help="The users' names.", show_default=False)],
    yes: Yes = False,
    server: Server = None,
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """Deactivate users; for staff.

    Their sessions and tokens end, and what they added stays; it says what that is, and asks first. `bayplan user set NAME
    --active` lets them log in again.
    """
    from bayplan.cli import removal
    from bayplan.cli.user import _view as user_view
    from bayplan.cli.user import _where

    with _where.users_at(server, home, database) as users:

        def question(user: dict[str, Any]) -> str:
            return f"Deactivate {user['username']}{' (staff)' if user['is_staff'] else ''}?{users.uses(user)}"

        def deactivate(user: dict[str, Any]) -> "Outcome":
            users.change(user["username"], {"is_active": False})
            return user | {"is_active": False}, f"Deactivated {user['username']}."

        existing = [_where.find(users, name) for name in usernames]
        removal.ask_and_remove(existing, question, deactivate, user_view.name, yes=yes, output_format=output_format)
