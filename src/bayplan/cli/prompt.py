"""Asks a person at the terminal, and reads passwords from the input, where no other user of the machine sees them."""

import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from bayplan.cli.options import OutputFormat, UsageError
from bayplan.errors import Invalid

Answer = TypeVar("Answer")
INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def text(question: str, *, hidden: bool = False, twice: bool | str = False) -> str:
    """The answer of the person at the terminal; without echo where it is hidden, and typed twice where a second question is given."""
    second = twice if isinstance(twice, str) else "The same again"
    while True:
        answer = _uninterrupted(lambda: str(typer.prompt(question, hide_input=hidden)))
        if not twice:
            return answer
        if _uninterrupted(lambda: str(typer.prompt(second, hide_input=hidden))) == answer:
            return answer
        typer.echo("The two are not the same: type both again.", err=True)


def yes_or_no(question: str, *, default: bool = False) -> bool:
    """Whether the person at the terminal says yes."""
    return _uninterrupted(lambda: bool(typer.confirm(question, default=default)))


def _uninterrupted(ask: Callable[[], Answer]) -> Answer:
    """The answer. Ctrl-C ends the command with the exit code of an interruption; raises `Invalid` where the input ends, as with Ctrl-D."""
    try:
        return ask()
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise typer.Exit(INTERRUPTED) from None
        raise Invalid("The input ended before there was an answer.") from None


def require(question: str, output_format: OutputFormat) -> None:
    """Ends the command with exit code 1 where the person at the terminal does not agree.

    Raises `UsageError` where there is no terminal, or a program reads the answer: a script gives `--yes`, or nothing is done.
    """
    if output_format.is_for_programs:
        raise UsageError(f"{question} With -o {output_format} nobody is asked: add --yes. Nothing was done.")
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask: add --yes. Nothing was done.")
    if not yes_or_no(question):
        typer.echo("Nothing was done.")
        raise typer.Exit(1)


def password_from_input() -> str:
    """The password on the one line of the input. Raises `Invalid` where there are several lines, or nothing."""
    password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not password:
        raise Invalid("The input has no password.")
    if "\n" in password:
        raise Invalid("The input has several lines, and a password is one line.")
    return password


def require_terminal(output_format: OutputFormat, *, from_input: bool) -> None:
    """Raises where a password is not on the input and nobody can be asked for it.

    `Invalid` where there is no terminal, `UsageError` where the answer is for a program.
    """
    if from_input:
        return
    if output_format.is_for_programs:
        raise UsageError(f"With -o {output_format} nobody is asked for the password: add --password-stdin.")
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password: add --password-stdin.")


def new_password(output_format: OutputFormat, *, from_input: bool) -> str:
    """A user's new password, from the input or typed twice. Raises as `require_terminal` does."""
    require_terminal(output_format, from_input=from_input)
    return password_from_input() if from_input else text("New password", hidden=True, twice=True)
