"""The conventions that all commands keep: walked from the program itself, so that a new command keeps them too."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main

from bayplan.cli import app, exit_codes
from bayplan.cli.node_facts import NODE_FACTS, option_of
from bayplan.cli.sorting import FIELDS
from tests.cli.conftest import Shell

WITHOUT_ANSWER: Mapping[str, str] = {
    "serve": "runs until it is stopped",
    "worker run": "runs until it is stopped",
    "migrate": "changes the database itself",
    "secrets key": "prints a key",
    "secrets rotate": "changes the database itself",
    "logout": "asks no server: it forgets a session",
    "export": "writes a file: -o is the file",
    "help": "prints help",
    "completion": "prints a script for a shell",
    "export-to": "prints a file for Kubernetes, Slurm or compose",
    "images docker-config": "prints a file for docker or Kubernetes",
}
"""The commands without an answer of the API to print, and what they do instead."""

REMOVALS = re.compile(r"(.* )?(rm|revoke|revoke-join-token|leave)")
"""The commands that remove something; their answer is what was removed."""


SEVERAL = frozenset(
    (
        *("images show", "images facts", "images floor", "nodes show", "prefetch show"),
        *(
            "images rm",
            "images reinstate",
            "images verify",
            "images deprecate",
            "images undeprecate",
            "images retire",
            "nodes rm",
            "nodes revoke",
            "nodes revoke-join-token",
        ),
        *("prefetch rm", "token revoke", "user rm", "context rm"),
    )
)
"""The commands that take several objects."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the program with its name, "images list"."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        if hasattr(command, "commands"):
            yield from ((f"{name} {verb}", inner) for verb, inner in command.commands.items())
        else:
            yield name, command


def takes_several(command: Any) -> bool:
    """Whether a command takes several arguments of one kind."""
    return any(parameter.nargs == -1 for parameter in command.params if parameter.param_type_name == "argument")


def options(command: Any) -> set[str]:
    """All names of the options of a command."""
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")}


@pytest.mark.parametrize(("name", "command"), [pytest.param(*command, id=command[0]) for command in commands()])
def test_each_command_with_an_answer_prints_it_in_every_format(name: str, command: Any) -> None:
    formats = {"-o", "--output", "--json", "-q", "--quiet"}
    if name in WITHOUT_ANSWER:
        assert not {"-q", "--quiet"} & options(command), f"{name} has an answer: take it out of WITHOUT_ANSWER"
    else:
        assert formats <= options(command), f"{name}: give it `output_format: Output = TABLE`"


def test_the_option_of_each_fact_is_one_of_the_command() -> None:
    assert {option_of(fact) for fact in NODE_FACTS} <= options(dict(commands())["check"])


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*command, id=command[0]) for command in commands() if command[0] in SEVERAL]
)
def test_what_shows_or_removes_objects_takes_several(name: str, command: Any) -> None:
    assert takes_several(command), f"{name}: give it a list of them"


def test_every_command_says_in_a_sentence_what_it_does() -> None:
    for name, command in commands():
        assert re.match(r"[A-Z].*[.;]$", command.help.splitlines()[0]), name


def test_facts_and_floors_of_several_images(shell: Shell) -> None:
    both = ("yolo_cpu:v7_2022-10-08-05_cpu", "vllm-openai:v0.9.2")
    printed = shell.run("images", "facts", *both).out.splitlines()
    assert [line for line in printed if line in both] == list(both)
    floors = json.loads(shell.run("images", "floor", *both, "--json").out)
    assert [f"{floor['name']}:{floor['version']}" for floor in floors] == list(both)
    facts = json.loads(shell.run("images", "facts", *both, "--json").out)
    assert facts[1] == json.loads(shell.run("images", "facts", both[1], "--json").out)


def test_exit_codes_are_those_of_commands() -> None:
    assert exit_codes.OF_COMMANDS.keys() <= dict(commands()).keys()


def test_no_exception_is_left_over() -> None:
    assert WITHOUT_ANSWER.keys() <= dict(commands()).keys()


LISTS = re.compile(r"(.* )?list|images outdated|nodes workers|nodes join-tokens|prefetch status|history|audit")
"""The commands that list objects."""


@pytest.mark.parametrize(
    ("name", "command"),
    [pytest.param(*command, id=command[0]) for command in commands() if LISTS.fullmatch(command[0])],
)
def test_each_list_is_sorted_and_watched(name: str, command: Any) -> None:
    assert {"--sort-by", "-w", "--watch"} <= options(command), f"{name}: give it `sort_by: SortBy = None`"
    assert any(f"{listing} ".startswith(f"{name} ") for listing in FIELDS), f"{name} has no line in sorting.FIELDS"


@pytest.mark.parametrize(
    ("name", "command"),
    [pytest.param(*command, id=command[0]) for command in commands() if REMOVALS.fullmatch(command[0])],
)
def test_each_removal_asks_and_can_be_told_not_to(name: str, command: Any) -> None:
    assert {"-y", "--yes"} <= options(command), f"{name}: give it `yes: Yes = False`, and ask by `prompt.require`"


def test_removals_name_what_uses_it_and_take_several(shell: Shell) -> None:
    for name in ("one", "two"):
        shell.run("nodes", "add", f"{name}.removed.example.org", "--driver", "550.54.15", "-q")
        shell.run("prefetch", "add", f"removed {name}", "--task", "train", "--domain", "od", "-q")
    nodes = ("one.removed.example.org", "two.removed.example.org")
    question = shell.run("prefetch", "rm", "removed one", "removed two", code=2).err
    assert re.search(
        r"Remove the rule 'removed one'\? It is for \d+ images on \d+ nodes\. Remove the rule 'removed two'", question
    )
    missing = shell.run("nodes", "rm", *nodes, "nowhere.example.org", "-y", code=1).err
    assert missing.startswith("There is no node 'nowhere.example.org'")
    assert len(shell.run("nodes", "show", nodes[0], "-o", "name").out) > 1  # nothing was removed
    declined = shell.at_terminal("nodes", "rm", *nodes, columns=200, typed=("n",))
    assert "Remove one.removed.example.org#0? Remove two.removed.example.org#0? [y/N]" in declined.out
    assert declined.code == 1
    assert shell.run("nodes", "rm", *nodes, "-y").out == "".join(f"Removed {node}#0.\n" for node in nodes)
    assert shell.run("prefetch", "rm", "removed one", "removed two", "-y").out.count("Removed the rule") == 2


def test_images_are_removed_together(shell: Shell) -> None:
    images = ("pytorch:2.4.1-cuda12.4-cudnn9-runtime", "pytorch:2.7.1-cuda12.8-cudnn9-runtime")
    question = shell.run("images", "rm", *images, code=2).err
    assert all(f"Delete {image}?" in question for image in images)
    assert shell.run("images", "rm", *images, "--yes").out.count("Deleted pytorch") == 2
    again = shell.run("images", "reinstate", images[0], "pytorch 9.9", code=1).err  # looked up before the first is done
    assert again.startswith("There is no deleted image 'pytorch 9.9'")
    assert shell.run("images", "reinstate", *images).out.count(" is back.") == 2
    assert (
        shell.run("images", "show", *images[0].split(":"), "-o", "name").out == f"{images[0]}\n"
    )  # one name and version
