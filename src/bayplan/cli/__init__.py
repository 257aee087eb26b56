"""The command `bayplan`: its application, its exit codes, and how it prints errors.

A command is: parse, one call, render. Everything that takes long to load (the server, the database, httpx2, rich) is
imported by the command that needs it, so that `bayplan --help` answers at once.
"""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from bayplan import __version__
from bayplan.cli import commands, completions, error_output, streams
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

app = typer.Typer(
    name="bayplan",
    no_args_is_help=True,
    add_completion=False,  # `bayplan completion` prints scripts that know the names of the server, too
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
    if sys.argv[1:2] == [completions.COMMAND]:
        sys.exit(completions.main(app, sys.argv[2:]))
    streams.prepare()
    code = _run()
    failure = streams.output_failure()
    if failure is not None and not streams.is_gone(failure):
        error_output.print_error(CannotStart(f"The output cannot be written: {failure.strerror}."), 1)
    sys.exit(code if failure is None else code or 1)


def _run() -> int:
    """Runs the command and gives its exit code, whatever it raises."""
    try:
        code = app(standalone_mode=False)  # `raise typer.Exit(code)` ends in its code, any other command in None
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except typer.Abort:
        sys.stderr.write("Aborted!\n")
        return 1
    except TyperException as error:
        error_output.print_usage_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BayplanError as error:
        error_output.print_error(error, 1)
        return 1
    except OSError as error:
        return _after_system_error(error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in SERVER_PARTS:
            return _after_fault(error)
        error_output.print_error(
            CannotStart(f"{error.name} is not installed, which the server needs: install bayplan[server]."), 1
        )
        return 1
    except MemoryError:
        error_output.print_error(CannotStart("There is not enough memory for this."), 1)
        return 1
    except Exception as error:  # the last resort
        return _after_fault(error)
    return code if isinstance(code, int) else 0


def _after_system_error(error: OSError) -> int:
    """Prints what the system refuses, unless that was to write the output, which `main` tells."""
    if type(error).__module__ != "builtins":  # of a library
        return _after_fault(error)
    if error.filename is not None:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else error.filename
        error_output.print_error(CannotStart(f"{name} cannot be used: {error.strerror}."), 1)
    elif streams.output_failure() is None:
        return _after_fault(error)
    return 1


def _after_fault(error: Exception) -> int:
    """Prints that this is a fault of bayplan, and with BAYPLAN_TRACEBACK where it happened."""
    from bayplan.client.settings import client_settings

    if client_settings().traceback:
        from traceback import print_exception

        print_exception(error)
    error_output.print_error(BayplanError(f"{fault_sentence(error)} BAYPLAN_TRACEBACK=1 shows more."), FAULT)
    return FAULT
