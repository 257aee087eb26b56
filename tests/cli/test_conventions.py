"""The conventions that all commands keep: walked from the program itself, so that a new command keeps them too."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main

from bayplan.cli import app

WITHOUT_ANSWER: Mapping[str, str] = {
    "serve": "runs until it is stopped",
    "worker run": "runs until it is stopped",
    "migrate": "changes the database itself",
    "secrets key": "prints a key",
    "secrets rotate": "changes the database itself",
    "user add": "changes the database itself",
    "user password": "changes the database itself",
    "login": "keeps a session",
    "logout": "forgets a session",
    "context add": "keeps the name of a server",
    "context use": "keeps the name of a server",
    "export": "writes a file: -o is the file",
    "images docker-config": "prints a file for docker or Kubernetes",
    "images reinstate": "tells each result",
}
"""The commands without an answer of the API to print, and what they do instead."""

REMOVALS = re.compile(r"(.* )?(rm|revoke|revoke-join-token|leave)")
"""The commands that remove something: they have no answer either."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the program with its name, "images list"."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        if hasattr(command, "commands"):
            yield from ((f"{name} {verb}", inner) for verb, inner in command.commands.items())
        else:
            yield name, command


def options(command: Any) -> set[str]:
    """All names of the options of a command."""
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")}


@pytest.mark.parametrize(("name", "command"), [pytest.param(*command, id=command[0]) for command in commands()])
def test_each_command_with_an_answer_prints_it_in_every_format(name: str, command: Any) -> None:
    formats = {"-o", "--output", "--json", "-q", "--quiet"}
    if name in WITHOUT_ANSWER or REMOVALS.fullmatch(name):
        assert not {"-q", "--quiet"} & options(command), f"{name} has an answer: take it out of WITHOUT_ANSWER"
    else:
        assert formats <= options(command), f"{name}: give it `output_format: Output = TABLE`"


def test_no_exception_is_left_over() -> None:
    assert WITHOUT_ANSWER.keys() <= dict(commands()).keys()
