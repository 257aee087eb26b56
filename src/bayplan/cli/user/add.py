"""`bayplan user add`: adds a user."""

from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import TABLE, Database, Home, Output, Server


def add(
    username: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    staff: Annotated[
        bool, typer.Option("--staff", help="Make the user staff, who may write and see registry credentials.")
    ] = False,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="The user's e-mail address.")] = "",
    first_name: Annotated[str, typer.Option(metavar="NAME", help="The user's first name.")] = "",
    last_name: Annotated[str, typer.Option(metavar="NAME", help="The user's last name.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    server: Server = None,
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """Add a user; for staff."""
    from bayplan.cli import output
    from bayplan.cli.user import _view as user_view
    from bayplan.cli.user import _where

    with _where.users_at(server, home, database) as users:
        password = prompt.new_password(output_format, from_input=password_stdin)
        values = {"username": username, "is_staff": staff, "email": email, "first_name": first_name}
        pk = users.add({**values, "last_name": last_name, "password": password})
        added = _where.find(users, username) if output_format.is_data else {"username": username}
    sentence = f"Added {'the staff user' if staff else 'the user'} {username}, pk {pk}."
    output.render(added, output_format, view=sentence, name=user_view.name)
