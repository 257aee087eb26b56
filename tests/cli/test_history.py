"""`bayplan history`: changes are shown and filtered, wrong options refused; and no password is in it."""

import json
from collections.abc import Iterator

import pytest

from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.cli.test_images import NEW, rows
from tests.process import Server

PASSWORD = "the password of the robot"  # of no registry


@pytest.fixture
def image(server: Server, shell: Shell) -> Iterator[str]:
    """The key of an image that was added, changed and given a password."""
    options = [*NEW, "--framework", "PyTorch 2.4.1"]
    shell.run("images", "add", "of-history", "1.0", *options)
    with Client(server.url, token=server.token()) as bayplan:
        (pk,) = (image["pk"] for image in bayplan.images.list() if image["name"] == "of-history")
    shell.run("images", "edit", str(pk), "--version", "1.1")
    credentials = ["--registry-username", "robot", "--registry-password-stdin"]
    shell.run("images", "edit", str(pk), *credentials, typed=f"{PASSWORD}\n")
    yield str(pk)
    shell.run("images", "rm", str(pk), "--hard", "--yes")


def test_each_change_is_a_line_newest_first(shell: Shell, image: str) -> None:
    printed = shell.run("history", "--image", image).out
    head, password, version, added, count = rows(printed)
    assert head == ["TIME", "VERSION", "USER", "ACTION", "WHAT", "CHANGES"]
    assert password[2:5] == version[2:5] == ["admin", "change", f"docker {image}"]
    assert version[5] == "version: 1.0 -> 1.1"
    assert "registry_username: robot" in password[5]
    assert "registry_password: (set)" in password[5]
    assert added[3] == "create"
    assert "name: of-history" in added[5]
    assert count == ["3 entries"]
    assert PASSWORD not in printed


def test_options_filter_the_history(shell: Shell, image: str) -> None:
    by_name = json.loads(shell.run("history", "--image", "of-history:1.1", "--json").out)
    assert by_name == json.loads(shell.run("history", "--resource", "docker", "--pk", image, "--json").out)
    assert [entry["action"] for entry in by_name] == ["change", "change", "create"]
    assert len(json.loads(shell.run("history", "--limit", "2", "--json").out)) == 2
    assert shell.run("history", "--image", image, "--user", "nobody").out == "Nothing was changed.\n"
    assert len(rows(shell.run("history", "--image", image, "--user", "admin", "--since", "1h").out)) == 5
    assert {entry["resource"] for entry in json.loads(shell.run("history", "--resource", "nodes", "--json").out)} == {
        "nodes"
    }


def test_options_that_do_not_fit_together_are_refused(shell: Shell) -> None:
    assert "Give one of --image" in shell.run("history", "--image", "1", "--node", "1", code=2).err
    assert "say of which --resource" in shell.run("history", "--pk", "1", code=2).err
    assert "no image" in shell.run("history", "--image", "nothing-of-the-kind", code=1).err
    assert "resource" in shell.run("history", "--resource", "ships", code=1).err
