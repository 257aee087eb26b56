"""The command `bayplan`: its application, its exit codes, and how it prints errors.

A command is: parse, one call, render. Everything that takes long to load (the server, the database, httpx2, rich) is
imported by the command that needs it, so that `bayplan --help` answers at once.
"""

import os
import re
import sys
from typing import Annotated

import typer

from bayplan import __version__
from bayplan.cli import commands
from bayplan.errors import BayplanError, CannotStart

SERVER_PARTS = frozenset(
    (
        "alembic",
        "argon2",
        "cryptography",
        "httptools",
        "jwt",
        "orjson",
        "psycopg",
        "psycopg_pool",
        "sqlalchemy",
        "starlette",
        "swagger_ui",
        "uvicorn",
        "uvloop",
    )
)
"""The packages of the extra `server`; without them a worker has all commands but those of the server."""

COMMANDS_FOR_CALLS = (
    (re.compile(r"\bregistry_username and registry_password\b"), "--registry-username"),
    (re.compile(r"POST /v1/nodes/workers/list\b"), "`bayplan nodes workers`"),
    (re.compile(r"GET /v1/credentials\b"), "`bayplan credentials list`"),
    (re.compile(r"DELETE /v1/docker/(\d+)/reinstate\b"), r"`bayplan images reinstate \1`"),
    (re.compile(r"at /v1/nodes/join-tokens\b"), "with `bayplan nodes join-token`"),
    (re.compile(r"/v1/nodes/list\b"), "`bayplan nodes list`"),
    (re.compile(r"/v1/(cuda|hardware|frameworks|domains|licences)/list\b"), r"`bayplan list \1`"),
)
"""The command or option for each call, or field of a body, that the server's sentences name."""

app = typer.Typer(
    name="bayplan",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

commands.add_all(app)


def _version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"bayplan {__version__}")
        raise typer.Exit


@app.callback()
def bayplan(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The catalogue of docker images for a fleet of GPU workers, and the judge of which image runs where."""


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 could not be done (one sentence says why), 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are real text streams here
    try:
        app()
    except BayplanError as error:
        _print_error(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in SERVER_PARTS:
            raise
        _print_error(CannotStart(f"{error.name} is not installed, which the server needs: install bayplan[server]."))
        sys.exit(1)


def _print_error(error: BayplanError) -> None:
    red, normal = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    lines = [f"{red}{error.detail}{normal}"]
    lines += [
        f"  {problem.field}: {problem.detail}" for problem in error.problems if problem.detail not in error.detail
    ]
    message = "\n".join(lines)
    for call, command in COMMANDS_FOR_CALLS:
        message = call.sub(command, message)
    sys.stderr.write(f"{message}\n")
