"""Passwords of registries are in no output, and in no entry of the audit log, unless somebody asks for them."""

import json

import pytest

from tests.cli.conftest import Shell

IMAGE = "pytorch:2.4.1-cuda12.4-cudnn9-runtime"
PASSWORD = "a password of the hub"

WITHOUT = (
    ("images", "list"),
    ("images", "show", IMAGE),
    ("match", "--node", "t4.example.org", "--explain"),
    ("why", IMAGE, "--node", "t4.example.org"),
    ("fit", IMAGE),
    ("history", "--image", IMAGE),
    ("images", "edit", IMAGE, "--no-cpu"),
)


def test_no_answer_has_a_password_that_nobody_asked_for(shell: Shell) -> None:
    edited = shell.run(
        *("images", "edit", IMAGE, "--registry-username", "robot", "--registry-password-stdin", "--json"),
        typed=f"{PASSWORD}\n",
    )
    assert json.loads(edited.out)["registry_password"] is None
    times = given(shell)
    for command in WITHOUT:
        printed = shell.run(*command, "-o", "json").out
        assert "pytorch" in printed, command
        assert PASSWORD not in printed, command
    assert given(shell) == times + 1, "an answer to a write has them, and this program drops them"
    for command in WITHOUT[:2]:
        assert PASSWORD in shell.run(*command, "--credentials", "-o", "yaml").out
        assert PASSWORD not in shell.run(*command).out
    assert given(shell) > times + 1
    shell.run("images", "edit", IMAGE, "--registry-username", "none", "-q")


def given(shell: Shell) -> int:
    """How often passwords were given to anybody."""
    return sum(entry["times"] for entry in json.loads(shell.run("audit", "--json").out))


@pytest.mark.parametrize("command", WITHOUT[:2])
def test_credentials_are_for_programs(shell: Shell, command: tuple[str, ...]) -> None:
    refused = shell.run(*command, "--credentials", code=2).err
    assert "--credentials gives credentials in -o json or yaml: add one of them." in refused
