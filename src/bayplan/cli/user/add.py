"""`bayplan user add`: adds a user."""

from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import Database, Home, Server


def add(
    username: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    staff: Annotated[
        bool, typer.Option("--staff", help="Make the user staff, who may write and see registry credentials.")
    ] = False,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="The user's e-mail address.")] = "",
    first_name: Annotated[str, typer.Option(metavar="NAME", help="The user's first name.")] = "",
    last_name: Annotated[str, typer.Option(metavar="NAME", help="The user's last name.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from the input.")] = False,
    server: Server = None,
    home: Home = None,
    database: Database = None,
) -> None:
    """Add a user; for staff."""
    from bayplan.cli.user import _where

    with _where.users_at(server, home, database) as users:
        password = prompt.new_password(password_stdin)
        values = {"username": username, "is_staff": staff, "email": email, "first_name": first_name}
        pk = users.add({**values, "last_name": last_name, "password": password})
    typer.echo(f"Added {'the staff user' if staff else 'the user'} {username}, pk {pk}.")
