"""`bayplan login`: logs in to a server, and keeps the session until it ends."""

import sys
from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.errors import Invalid


def login(
    address: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server, as --server names it.", show_default=False)
    ] = None,
    server: Server = None,
    username: Annotated[str | None, typer.Option("--username", "-u", metavar="NAME", help="The user name.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    token_stdin: Annotated[
        bool,
        typer.Option("--token-stdin", help="Read a token for programs from standard input, in place of a password."),
    ] = False,
    output_format: Output = TABLE,
) -> None:
    """Log in to a server.

    Commands ask this server from then on. The session lasts for days. With -o json, the answer is that of `bayplan whoami`.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.sessions import _view as view
    from bayplan.client import Client, Tokens, contexts, stored_sessions
    from bayplan.client.session import named_server
    from bayplan.client.tokens import clean_token

    if address is not None and server is not None:
        raise UsageError(f"{address} and --server both name the server; give one of them.")
    server = address or server
    if token_stdin and (username is not None or password_stdin):
        raise UsageError("A token names its user: leave out --username and --password-stdin.")
    token = clean_token(sys.stdin.read(), "The input has no token") if token_stdin else None
    with connection.where_to_look(), Client(connection.address(server), tokens=Tokens(access=token)) as client:
        if token is not None:
            tokens = Tokens(access=token)
        else:
            name = username or _ask("User", "--username")
            password = prompt.password_from_input() if password_stdin else _ask("Password", "--password-stdin")
            tokens = client.log_in(name, password)
        me = client.users.me()
    name = me["user"]["username"]
    stored_sessions.keep(client.server, stored_sessions.StoredSession(name, tokens.access, tokens.refresh))
    contexts.use_server(client.server)
    named = named_server(server)
    answer, sentence = view.who(me, named), f"Logged in to {client.server} as {name}."
    output.render(answer, output_format, view=sentence, name=view.user_name)
    connection.warn_unless_asked(client.server)


def _ask(field: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise Invalid(f"There is no terminal to ask for the {field.lower()}: add {option}.")
    return prompt.text(field, hidden=field == "Password")
