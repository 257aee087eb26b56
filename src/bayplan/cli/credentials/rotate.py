"""`bayplan credentials rotate`: gives all images of a registry's user another password."""

import sys
from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import TABLE, Output, Server
from bayplan.errors import Invalid


def rotate(
    registry: Annotated[
        str, typer.Argument(metavar="REGISTRY", help="The registry's host, or docker.io.", show_default=False)
    ],
    username: Annotated[
        str, typer.Argument(metavar="USERNAME", help="The user name of the credentials.", show_default=False)
    ],
    new_username: Annotated[
        str | None, typer.Option(metavar="NAME", help="The new user name [default: the same]")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the new password from standard input.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether to try the new credentials at the registry first.")
    ] = True,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Give all images with these credentials another password.

    The server first tries the new password at the registry.
    """
    from bayplan.cli import connection, output

    with connection.connect(server) as client:
        password = _password(new_username or username, registry, from_input=password_stdin, twice=not check)
        with output.working(f"Asking {registry}"):
            rotation = client.credentials.rotate(registry, username, password, new_username=new_username, check=check)
    have = "has" if rotation["images"] == 1 else "have"
    sentence = f"{output.count(rotation['images'], 'image')} {have} the new credentials.\n{rotation['detail']}"
    return output.render(rotation, output_format, view=sentence)


def _password(username: str, registry: str, *, from_input: bool, twice: bool) -> str:
    """The new password, from the input or from a person at the terminal.

    It is never on the command line, where others can see it. The person types it `twice` where no registry checks it.
    """
    if from_input:
        return prompt.password_from_input()
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the new password: add --password-stdin.")
    question = f"New password of {username} at {registry}"
    return prompt.text(question, hidden=True, twice="The new password again" if twice else False)
