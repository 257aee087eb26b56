"""`bayplan user list`: lists the users, from the database itself."""

from typing import Annotated

import typer

from bayplan.cli.options import Database, Home


def list_(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """List the users."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli.user import _accounts

    users = _accounts.listed(settings)
    if json:
        typer.echo(users.decode())
        return
    from bayplan.cli.user._view import show_users

    show_users(users)
