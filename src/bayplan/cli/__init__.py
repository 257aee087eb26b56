"""The command `bayplan`: its application, its exit codes, and how it prints errors.

A command is: parse, one call, render. Everything that takes long to load (the server, the database, httpx2, rich) is
imported by the command that needs it, so that `bayplan --help` answers at once.
"""

import contextlib
import os
import re
import sys
from typing import Annotated

import typer

from bayplan import __version__
from bayplan.cli import commands, streams
from bayplan.cli.client_settings import client_settings
from bayplan.cli.prompt import INTERRUPTED
from bayplan.errors import BayplanError, CannotStart, fault_sentence

FAULT = 70  # EX_SOFTWARE of sysexits.h

SERVER_PARTS = frozenset(
    (
        "alembic",
        "argon2",
        "cryptography",
        "httptools",
        "jwt",
        "prometheus_client",
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
    (re.compile(r"at /v1/tokens/create\b"), "with `bayplan token create`"),
    (re.compile(r"POST /v1/tokens/list\b"), "`bayplan token list`"),
    (
        re.compile(r"'expires_in' can be at most [\d,]+ seconds, which is (\d+) days"),
        r"--expires-in can be at most \1d",
    ),
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
    """Runs the command line; docs/cli.md has the exit codes."""
    streams.prepare()
    code = _run()
    failure = streams.output_failure()
    if failure is not None and not streams.is_gone(failure):
        _print_error(CannotStart(f"The output cannot be written: {failure.strerror}."))
    sys.exit(code if failure is None else code or 1)


def _run() -> int:
    """Runs the command and gives its exit code, whatever it raises."""
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BayplanError as error:
        _print_error(error)
        return 1
    except OSError as error:
        return _after_system_error(error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in SERVER_PARTS:
            return _after_fault(error)
        _print_error(CannotStart(f"{error.name} is not installed, which the server needs: install bayplan[server]."))
        return 1
    except MemoryError:
        _print_error(CannotStart("The memory does not suffice for this."))
        return 1
    except Exception as error:  # the last resort
        return _after_fault(error)
    return 0


def _after_system_error(error: OSError) -> int:
    """Prints what the system refuses, unless that was to write the output, which `main` tells."""
    if type(error).__module__ != "builtins":  # of a library
        return _after_fault(error)
    if error.filename is not None:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else error.filename
        _print_error(CannotStart(f"{name} cannot be used: {error.strerror}."))
    elif streams.output_failure() is None:
        return _after_fault(error)
    return 1


def _after_fault(error: Exception) -> int:
    """Prints that this is a fault of bayplan, and with BAYPLAN_TRACEBACK where it happened."""
    if client_settings().traceback:
        from traceback import print_exception

        print_exception(error)
    _print_error(BayplanError(f"{fault_sentence(error)} BAYPLAN_TRACEBACK=1 shows more."))
    return FAULT


def _print_error(error: BayplanError) -> None:
    red, normal = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    lines = [f"{red}{error.detail}{normal}"]
    lines += [
        f"  {problem.field}: {problem.detail}" for problem in error.problems if problem.detail not in error.detail
    ]
    message = "\n".join(lines)
    for call, command in COMMANDS_FOR_CALLS:
        message = call.sub(command, message)
    with contextlib.suppress(OSError):  # it is told elsewhere
        sys.stdout.flush()  # so that what was printed stands above the error where both go to one place
    sys.stderr.write(f"{message}\n")
