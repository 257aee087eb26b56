"""`bayplan user password`: gives a user a new password, in the database itself."""

from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import Database, Home


def password(
    username: Annotated[str, typer.Argument(metavar="NAME", help="Whose password.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read it from the input.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Give a user a new password, and end their sessions."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli.user import _accounts

    _accounts.require_catalogue(settings)
    password = prompt.new_password(password_stdin)
    _accounts.set_password(settings, username, password)
    typer.echo(f"{username} has a new password; their tokens have ended.")
