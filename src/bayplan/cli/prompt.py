"""Asks a person at the terminal, and reads passwords from the input, where no other user of the machine sees them."""

import sys

import typer

from bayplan.errors import Invalid


def agreed(question: str, *, yes: bool) -> bool:
    """Whether the person at the terminal agrees; with `yes` they are not asked.

    Raises `Invalid` where there is no terminal: a script gives `--yes`, or nothing is done.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Invalid(f"{question} There is no terminal to ask at: add --yes. Nothing was done.")
    answer: bool = typer.confirm(question)
    if not answer:
        typer.echo("Nothing was done.")
    return answer


def password_from_input() -> str:
    """The password on the one line of the input. Raises `Invalid` where there are several lines, or nothing."""
    password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not password:
        raise Invalid("There is no password on the input.")
    if "\n" in password:
        raise Invalid("There are several lines on the input, and a password has one.")
    return password


def new_password(from_input: bool) -> str:
    """A user's new password, from the input or typed twice. Raises `Invalid` where there is no terminal."""
    if from_input:
        return password_from_input()
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password at; give it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
