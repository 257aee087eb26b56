"""`bayplan user add`: adds a user, in the database itself."""

from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import Database, Home


def add(
    username: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    staff: Annotated[bool, typer.Option("--staff", help="May write, and see registry credentials.")] = False,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Their address.")] = "",
    first_name: Annotated[str, typer.Option(metavar="NAME", help="Their first name.")] = "",
    last_name: Annotated[str, typer.Option(metavar="NAME", help="Their last name.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from the input.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Add a user."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli.user import _accounts

    _accounts.require_catalogue(settings)
    password = prompt.new_password(password_stdin)
    values = {"username": username, "is_staff": staff, "email": email, "first_name": first_name, "last_name": last_name}
    pk = _accounts.add(settings, {**values, "password": password})
    typer.echo(f"Added {'the staff user' if staff else 'the user'} {username}, pk {pk}.")
