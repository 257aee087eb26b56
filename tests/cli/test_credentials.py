"""`bayplan credentials`, `bayplan audit` and `bayplan images docker-config`: listed, rotated, refused, and no password on a screen."""

import base64
import json
import shlex
from collections.abc import Iterator

import pytest

from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.cli.test_images import NEW, rows
from tests.process import Server

FIRST, SECOND = "the first password", "the second password"
HOST = "127.0.0.1:9"


@pytest.fixture
def username(request: pytest.FixtureRequest) -> str:
    """A user name at the registry for this test alone."""
    return f"robot-of-{request.node.name.replace('_', '-')}"


@pytest.fixture
def image(server: Server, shell: Shell, username: str) -> Iterator[str]:
    """The key of an image with those credentials, at a registry that the server may not ask."""
    new = [word.replace("registry.example.org", HOST) for word in NEW]
    options = [*new, "--framework", "PyTorch 2.4.1", "--registry-username", username, "--registry-password-stdin"]
    shell.run("images", "add", username, "1.0", *options, typed=f"{FIRST}\n")
    with Client(server.url, token=server.token()) as bayplan:
        (pk,) = (image["pk"] for image in bayplan.images.list() if image["name"] == username)
    yield str(pk)
    shell.run("images", "rm", str(pk), "--hard", "--yes")


def password_of(shell: Shell, image: str) -> str:
    """The password that an image has now."""
    stored: str = json.loads(shell.run("images", "show", image, "--json", "--credentials").out)["registry_password"]
    return stored


def test_the_credentials_of_a_user_are_a_line(shell: Shell, image: str, username: str) -> None:
    printed = shell.run("credentials", "list").out
    head, *lines, _ = rows(printed)
    assert head == ["REGISTRY", "USER", "IMAGES", "PASSWORDS", "USED", "REFUSED", "GIVEN"]
    assert [HOST, username, "1", "1", "never", "never", "just now"] in lines
    assert FIRST not in printed
    listed = json.loads(shell.run("credentials", "list", "--json").out)
    assert [entry["images"] for entry in listed if entry["username"] == username] == [1]


def test_the_new_password_comes_from_the_input(shell: Shell, image: str, username: str) -> None:
    command = ["credentials", "rotate", HOST, username, "--password-stdin", "--no-check"]
    printed = shell.run(*command, typed=f"{SECOND}\n").out
    assert printed.splitlines()[0] == "1 image has the new credentials."
    assert "not tried" in printed
    assert SECOND not in printed
    assert password_of(shell, image) == SECOND
    answer = json.loads(shell.run(*command, "--json", typed=f"{FIRST}\n").out)
    assert (answer["images"], answer["verified"]) == (1, False)


def test_a_terminal_asks_for_the_new_password_and_does_not_show_it(shell: Shell, image: str, username: str) -> None:
    command = ["credentials", "rotate", HOST, username, "--no-check", "--new-username", f"new-{username}"]
    completed = shell.at_terminal(*command, typed=(SECOND, SECOND))
    assert completed.code == 0, completed.out
    assert f"New password of new-{username} at {HOST}: " in completed.out
    assert SECOND not in completed.out
    assert password_of(shell, image) == SECOND


@pytest.mark.parametrize(("text", "reason"), [("", "input has no password"), ("{\n  key\n}\n", "several lines")])
def test_an_input_that_is_no_password_is_refused(
    shell: Shell, image: str, username: str, text: str, reason: str
) -> None:
    command = ["credentials", "rotate", HOST, username, "--no-check", "--password-stdin"]
    assert reason in shell.run(*command, typed=text, code=1).err
    assert password_of(shell, image) == FIRST


def test_two_passwords_that_differ_have_to_be_typed_again(shell: Shell, image: str, username: str) -> None:
    completed = shell.at_terminal(
        "credentials", "rotate", HOST, username, "--no-check", typed=(SECOND, "x", SECOND, SECOND)
    )
    assert completed.code == 0, completed.out
    assert password_of(shell, image) == SECOND


def test_a_registry_that_cannot_be_asked_changes_nothing(shell: Shell, image: str, username: str) -> None:
    completed = shell.run("credentials", "rotate", HOST, username, "--password-stdin", typed=f"{SECOND}\n", code=1)
    assert "Nothing was changed" in completed.err
    assert SECOND not in completed.out + completed.err
    assert password_of(shell, image) == FIRST


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (
            "credentials rotate nowhere.example.org kim --no-check --password-stdin",
            1,
            "`bayplan credentials list` lists",
        ),
        ("credentials rotate nowhere.example.org kim", 1, "--password-stdin"),
        ("credentials rotate ftp://x kim --password-stdin", 1, "registry"),
        ("images docker-config 1 --format podman", 2, "docker or kubernetes"),
        ("audit --kind robot", 1, "user, worker, registry"),
        ("audit --since yesterday", 2, "duration"),
        ("audit --limit 0", 2, "1"),
    ],
)
def test_a_refused_command_says_why(shell: Shell, command: str, code: int, reason: str) -> None:
    assert reason in shell.run(*shlex.split(command), typed="a password\n", code=code).err


def test_credentials_are_printed_as_a_file(shell: Shell, image: str, username: str) -> None:
    config = json.loads(shell.run("images", "docker-config", image).out)
    assert config == {"auths": {HOST: {"auth": base64.b64encode(f"{username}:{FIRST}".encode()).decode()}}}
    secret = json.loads(shell.run("images", "docker-config", username, "1.0", "--format", "kubernetes").out)
    assert json.loads(base64.b64decode(secret["data"][".dockerconfigjson"])) == config
    assert json.loads(shell.run("images", "docker-config", "vllm-openai:v0.9.2").out) == {"auths": {}}


def test_the_audit_log_is_shown(shell: Shell, image: str, username: str) -> None:
    shell.run("images", "docker-config", image)
    head, line, *_ = rows(shell.run("audit", "--image", image, "--since", "1h").out)
    assert head == ["FIRST", "LAST", "TIMES", "TO", "NAME", "FROM", "BY", "PASSWORDS", "IMAGES"]
    assert line[0] == line[1]
    assert line[2:] == ["1", "user", "admin", "127.0.0.1", "docker_config", "1", image]
    by_name = json.loads(shell.run("audit", "--image", f"{username}:1.0", "--limit", "2", "--json").out)
    assert [entry["action"] for entry in by_name] == ["docker_config", "list"], "a name is looked up without an entry"
    assert json.loads(shell.run("audit", "--kind", "registry", "--name", HOST, "--image", image, "--json").out) == []
    assert shell.run("audit", "--image", "999999").out == "There are no entries.\n"


def test_names_and_tables_give_no_password_away(shell: Shell) -> None:
    """Neither the name of an image with credentials, nor one to which it is the nearest, nor a list."""
    before = shell.run("audit", "--json").out
    shell.run("images", "floor", "yolo_cpu:v7_2022-10-08-05_cpu")
    assert "did you mean yolo_cpu" in shell.run("images", "floor", "yolo_cpuu", code=1).err
    for options in ((), ("-q",), ("-o", "wide"), ("--limit", "9", "--sort-by", "pk"), ("--runnable",)):
        assert "yolo" in shell.run("images", "list", "--name", "yolo", *options).out
    assert "2 images in 2 groups" in shell.run("matrix", "--name", "yolo").out
    assert shell.run("audit", "--json").out == before
    assert "public" in shell.run("images", "show", "yolo_cpu").out
