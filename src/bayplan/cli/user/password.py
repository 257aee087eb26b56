"""`bayplan user password`: gives oneself a new password for the old one; staff give one to others."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import TABLE, Database, Home, Output, OutputFormat, Server
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client import Client


def password(
    username: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose password [default: yours].")] = None,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read the password from standard input. For your own password: the old one, then the new one, on a line each.",
        ),
    ] = False,
    server: Server = None,
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """Change your password, or as staff another's.

    That ends the sessions and tokens of the user.
    """
    from bayplan.cli import output
    from bayplan.cli.user import _view as user_view
    from bayplan.cli.user import _where

    if _where.is_on_the_database(server, home, database):
        if username is None:
            raise Invalid("Name the user: with --home or --database nobody is logged in.")
    else:
        with _where.over_http(server) as client:
            me = client.users.me()["user"]
            if username in (None, me["username"]):
                _own(client, me["username"], output_format, from_input=password_stdin)
                sentence = "You have a new password; your other sessions and your tokens for programs have ended."
                return output.render(me, output_format, view=sentence, name=user_view.name)
    with _where.users_at(server, home, database) as users:
        prompt.require_terminal(output_format, from_input=password_stdin)
        existing = _where.find(users, str(username))
        new_password = prompt.new_password(output_format, from_input=password_stdin)
        users.change(existing["username"], {"password": new_password})
    sentence = f"{existing['username']} has a new password; their sessions and tokens have ended."
    return output.render(existing, output_format, view=sentence, name=user_view.name)


def _own(client: "Client", username: str, output_format: OutputFormat, *, from_input: bool) -> None:
    from bayplan.cli import connection
    from bayplan.client import Tokens

    if from_input:
        lines = sys.stdin.read().splitlines()
        if len(lines) != 2 or not all(lines):
            raise Invalid("The input must have your old and your new password, a line each.")
        old_password, new_password = lines
    else:
        prompt.require_terminal(output_format, from_input=False)
        old_password = prompt.text("Old password", hidden=True)
        new_password = prompt.new_password(output_format, from_input=False)
    tokens = client.users.change_password(old_password, new_password)
    connection.go_on(client.server, username, Tokens(tokens["access"], tokens["refresh"]))
