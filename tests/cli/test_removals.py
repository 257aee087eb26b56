"""What commands that remove, bring back or end something print for people and for programs, and what they do after a failure."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Shell

IMAGE, OTHER = "pytorch:2.4.1-cuda12.4-cudnn9-runtime", "pytorch:2.7.1-cuda12.8-cudnn9-runtime"


def parsed(text: str) -> Any:
    """The JSON that a command printed."""
    return json.loads(text)


def test_an_image_that_is_removed_is_the_answer(shell: Shell) -> None:
    shown = parsed(shell.run("images", "show", IMAGE, "--json").out)
    removed = parsed(shell.run("images", "rm", IMAGE, "-y", "--json").out)
    assert removed["deletion_time"] is not None
    assert removed["pk"] == shown["pk"]
    assert isinstance(removed["framework"], int)  # as the API has it, with keys
    assert removed["registry_password"] is None
    assert shell.run("images", "reinstate", IMAGE, "-o", "name").out == f"{IMAGE}\n"
    assert shell.run("images", "rm", IMAGE, "-y", "-q").out == ""
    back = parsed(shell.run("images", "reinstate", IMAGE, "-o", "json").out)
    assert (back["pk"], back["deletion_time"]) == (shown["pk"], None)


def test_deprecating_answers_with_lifecycles(shell: Shell) -> None:
    several = parsed(shell.run("images", "deprecate", IMAGE, OTHER, "--why", "old", "--json").out)
    assert [lifecycle["why"] for lifecycle in several] == ["old", "old"]
    assert "deprecated: false" in shell.run("images", "undeprecate", IMAGE, "-o", "yaml").out
    assert shell.run("images", "undeprecate", OTHER, "-o", "name").out == f"{OTHER}\n"


def test_what_was_removed_before_a_failure_is_the_answer(shell: Shell) -> None:
    """A node that somebody else removes between the look-up and the removal: the others go all the same."""
    nodes = [f"{name}.gone.example.org" for name in ("a", "b", "c")]
    for node in nodes:
        shell.run("nodes", "add", node, "-q")
    # the same node twice: the second time it is gone, as where two people remove it at once
    done = shell.run("nodes", "rm", nodes[0], nodes[1], f"{nodes[1]}#0", nodes[2], "-y", "--json", code=1)
    assert [node["ip"] for node in parsed(done.out)] == nodes
    error = parsed(done.err)
    assert error["code"] == "not_found"
    assert error["exit_code"] == 1
    for_one = shell.run("nodes", "rm", nodes[0], "-y", "--json", code=1)
    assert for_one.out == ""
    assert parsed(for_one.err)["code"] == "not_found"


@pytest.mark.parametrize("output", ["json", "name"])
def test_a_program_is_never_asked(shell: Shell, output: str) -> None:
    shell.run("nodes", "add", f"{output}.asked.example.org", "-q")
    refused = shell.at_terminal("nodes", "rm", f"{output}.asked.example.org", "-o", output, columns=200)
    assert refused.code == 2
    assert f"With -o {output} nobody is asked: add --yes. Nothing was done." in refused.out
    assert f"Remove {output}.asked.example.org#0?" in refused.out
    if output == "json":
        assert parsed(refused.out)["code"] == "usage"
    assert shell.run("nodes", "rm", f"{output}.asked.example.org", "-y", "-q").out == ""


def test_rules_tokens_and_join_tokens(shell: Shell) -> None:
    shell.run("prefetch", "add", "of removals", "--task", "train", "-q")
    assert parsed(shell.run("prefetch", "rm", "of removals", "-y", "--json").out)["name"] == "of removals"
    shell.run("token", "create", "of removals", "-q")
    ended = parsed(shell.run("token", "revoke", "of removals", "-y", "--json").out)
    assert ended["name"] == "of removals"
    keys = [str(parsed(shell.run("nodes", "join-token", "--json").out)["pk"]) for _ in range(2)]
    assert shell.run("nodes", "revoke-join-token", *keys, keys[0], "-y", "-o", "name").out.split() == keys


def test_contexts(stranger: Shell) -> None:
    added = parsed(stranger.run("context", "add", "one", "--server", "http://one.example.org", "--json").out)
    assert added == {"name": "one", "server": "http://one.example.org", "current": False, "user": None}
    assert parsed(stranger.run("context", "use", "one", "--json").out) == added | {"current": True}
    stranger.run("context", "add", "two", "--server", "http://two.example.org", "-q")
    removed = parsed(stranger.run("context", "rm", "one", "two", "-y", "--json").out)
    assert [context["name"] for context in removed] == ["one", "two"]
    assert stranger.run("context", "list", "-o", "name").out == ""


def test_users(shell: Shell) -> None:
    added = parsed(shell.run("user", "add", "robin", "--password-stdin", "--json", typed="a password of robin\n").out)
    assert (added["username"], added["is_active"]) == ("robin", True)
    assert "password" not in added
    changed = shell.run("user", "password", "robin", "--password-stdin", "--json", typed="another of robin's\n")
    assert parsed(changed.out) == added
    asked = parsed(shell.run("user", "password", "robin", "--json", code=2).err)
    assert asked["detail"] == "With -o json nobody is asked for the password: add --password-stdin."
    assert parsed(shell.run("user", "rm", "robin", "-y", "--json").out)["is_active"] is False
