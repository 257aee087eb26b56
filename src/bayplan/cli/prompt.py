"""Asking before something is done that cannot be undone."""

import sys

import typer

from bayplan.errors import Invalid


def agreed(question: str, *, yes: bool) -> bool:
    """Whether the person agrees; `yes` is their answer in advance.

    Raises `Invalid` where there is nobody to ask: a script says `--yes`, or nothing is done.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Invalid(f"{question} There is no terminal to ask at: add --yes. Nothing was done.")
    answer: bool = typer.confirm(question)
    if not answer:
        typer.echo("Nothing was done.")
    return answer
