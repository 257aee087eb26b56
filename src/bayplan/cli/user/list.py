"""`bayplan user list`: the users, from the database itself."""

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

    found = _accounts.listed(settings)
    if json:
        typer.echo(found.decode())
        return
    from bayplan.cli.user._view import show_users

    show_users(found)
