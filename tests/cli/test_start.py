"""The start of the command line: fast, with help for every command, and without a traceback where something is missing."""

import json
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import bayplan.cli
from bayplan.cli.commands import GROUPS
from tests.cli.conftest import Shell
from tests.process import PROGRAM, running_server
from tests.quick import quickest

COMMANDS = (
    "login",
    "logout",
    "list",
    "match",
    "why",
    "apply",
    "export",
    "serve",
    "migrate",
    "user list",
    "user add",
    "user password",
    "secrets rotate",
    "secrets key",
    "images list",
    "images show",
    "images verify",
    "images add",
    "images edit",
    "images rm",
    "images reinstate",
    "images facts",
    "images set-facts",
    "nodes list",
    "nodes show",
    "nodes add",
    "nodes edit",
    "nodes rm",
    "worker pull",
)
HEAVY = (
    "starlette",
    "sqlalchemy",
    "alembic",
    "httpx2",
    "pydantic",
    "uvicorn",
    "cryptography",
    "rich",
    "yaml",
)


def test_help_answers_within_three_tenths_of_a_second() -> None:
    def attempt() -> float:
        began = time.perf_counter()
        subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    assert quickest(attempt, 0.3) < 0.3


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['bayplan', '--help']\n"
        "from bayplan.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_the_client_loads_httpx2_only_when_one_is_made() -> None:
    script = "import sys, bayplan.client; print('httpx2' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(stranger: Shell, command: str) -> None:
    help_text = stranger.run(*command.split(), "--help").out
    assert f"Usage: bayplan {command}" in help_text
    usage, _, after = help_text.partition("\n\n")
    assert after.strip(), usage
    assert all(len(line) <= 80 for line in help_text.splitlines())


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_a_group_says_of_each_command_what_it_does_in_a_whole_sentence(stranger: Shell, group: str) -> None:
    commands = stranger.run(*group.split(), "--help").out.partition("Commands:\n")[2]
    assert commands.split()
    assert [line for line in commands.splitlines() if line.endswith("...")] == []


def test_without_a_command_it_shows_the_help(stranger: Shell) -> None:
    assert "Commands:" in stranger.run(code=2).err


def test_version(stranger: Shell) -> None:
    assert stranger.run("--version").out == "bayplan 0.1.0\n"
    without_server = json.loads(stranger.run("version", "--server", "127.0.0.1:9", "-o", "json").out)
    assert (without_server["client"], without_server["server_version"]) == ("0.1.0", None)
    assert without_server["detail"].startswith("Nothing answers at http://127.0.0.1:9")
    assert "is no server's address" in stranger.run("version", "--server", "ftp://x").out


def test_version_of_a_server(shell: Shell) -> None:
    without_session = shell.with_settings(server=shell.settings["server"])
    server = f"server   0.1.0 at {shell.settings['server']}"
    assert without_session.run("version").out == f"bayplan  0.1.0\n{server}\n"


def test_wrong_usage_ends_with_2(stranger: Shell) -> None:
    assert "No such command 'imags'" in stranger.run("imags", code=2).err
    assert "No such option: --nod. Did you mean --node?" in stranger.run("match", "--nod", "3", code=2).err
    for command in (("match",), ("why", "x"), ("check", "x"), ("nodes", "add", "box")):
        error = stranger.run(*command, "--arch", "amd64", code=2).err
        assert "No such option: --arch. Did you mean --architecture?" in error
    assert "Missing argument 'IMAGE" in stranger.run("images", "show", code=2).err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("image list", "No such command 'image'. Did you mean `bayplan images list`?"),
        ("apply -f x", "No such option: -f. FILE is an argument: leave the option out."),
        (
            "images list x",
            "`bayplan images list` takes no 'x': `bayplan images show x` shows one, and options choose some.",
        ),
        ("match --limit x", "--limit takes a whole number, not 'x'."),
        ("match --limit 0", "--limit must be at least 1, not '0'."),
        ("audit --limit 0", "--limit must be at least 1, not '0'."),
        (
            "images list --state on",
            "--state takes missing, moved, denied, unreachable, ok, not-ok or unchecked, not 'on'.",
        ),
        (
            "nodes join-token --expires-in -1",
            "--expires-in: '-1' is not a duration: write it like 90s, 15m, 12h or 7d.",
        ),
    ],
)
def test_what_was_meant(stranger: Shell, arguments: str, sentence: str) -> None:
    assert stranger.run(*arguments.split(), code=2).err.splitlines()[-1] == f"Error: {sentence}"
    error = json.loads(stranger.run(*arguments.split(), "--json", code=2).err)
    assert error == {"code": "usage", "detail": sentence, "errors": [], "exit_code": 2}


def test_no_help_has_a_word_of_python(stranger: Shell) -> None:
    """Arguments have their names in help, and no type after them."""
    helped = stranger.run("images", "add", "--help").out + stranger.run("apply", "--help").out
    assert re.search(r"^  NAME\|REFERENCE  ", helped, re.MULTILINE)
    assert re.findall(r"<[a-z]+(?:\[|>)", helped) == []


def test_errors_are_json_where_the_answer_would_be(shell: Shell, stranger: Shell) -> None:
    for option in (("-o", "json"), ("-o=json",), ("--output=json",), ("-ojson",), ("--json",)):
        error = json.loads(shell.run("images", "show", "nothing", *option, code=1).err)
        assert error["code"] == "not_found"
        assert error["detail"].startswith("There is no image 'nothing'")
        assert error["exit_code"] == 1
    nowhere = stranger.with_settings(server="http://127.0.0.1:9", token="x")
    assert json.loads(nowhere.run("nodes", "list", "-o", "json", code=1).err)["code"] == "unreachable"
    problems = json.loads(shell.run("nodes", "add", "x", "--driver", "new", "--json", code=1).err)["errors"]
    assert [problem["field"] for problem in problems] == ["driver_version"]


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_gets_no_escape(shell: Shell, variables: dict[str, str]) -> None:
    plain = replace(shell, variables=variables)
    for arguments in (("match", "--node", "t4.example.org"), ("nodes", "list"), ("images", "show", "nothing")):
        assert "\x1b" not in plain.at_terminal(*arguments).out
    assert "\x1b[" in shell.at_terminal("match", "--node", "t4.example.org").out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("match",),
            "Name the node: --here for this machine, --node for one of the catalogue, --cpu-only for one without GPU",
        ),
        (("match", "--here", "--node", "3"), "--here is this machine; leave out --node and --cpu-only."),
        (("match", "--cpu-only", "--driver", "535.104.05"), "--cpu-only is a node without GPU"),
        (("images", "edit", "3"), "Write what to change, as in `--cuda 12.4.1`"),
        (("nodes", "edit", "3"), "Write what to change, as in `--driver 550.54.15`"),
        (("nodes", "add", "a", "--gpu-mem", "much"), "'much' is not a size: write it like 48GiB, or in bytes."),
        (
            ("images", "edit", "3", "--registry-password-stdin"),
            "--registry-password-stdin needs --registry-username",
        ),
        (("images", "set-facts", "3"), "Write a fact, as in `--min-driver 570.0`"),
        (("images", "set-facts", "3", "--requirement", "cuda>12"), "--requirement takes NAME=VALUE"),
        (("images", "set-facts", "3", "--compat-package", "12.4"), "--compat-package takes its CUDA and its driver"),
    ],
)
def test_options_that_make_no_sense_together_end_with_2(
    stranger: Shell, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in " ".join(stranger.run(*arguments, code=2).err.split())


@pytest.mark.parametrize("arguments", [("match",), ("nodes", "edit", "3"), ("images", "set-facts", "3")])
def test_a_missing_option_is_not_called_an_invalid_value(stranger: Shell, arguments: tuple[str, ...]) -> None:
    assert re.search("Error: (Name|Say|Write) ", stranger.run(*arguments, code=2).err)


def test_a_server_that_does_not_answer(stranger: Shell) -> None:
    nowhere = stranger.with_settings(server="http://127.0.0.1:9", token="x")
    (line,) = nowhere.run("images", "list", code=1).err.splitlines()
    assert line.startswith("Nothing answers at http://127.0.0.1:9 (")
    assert line.endswith("): is `bayplan serve` running there? `bayplan context list` shows the servers that you use.")


def test_an_address_that_is_none(stranger: Shell) -> None:
    error = stranger.run("images", "list", "--server", "ftp://x", code=1).err
    assert error == "'ftp://x' is no server's address; write it like http://127.0.0.1:8000.\n"


def test_nobody_logged_in(stranger: Shell) -> None:
    assert stranger.run("nodes", "list", code=1).err == (
        "You are not logged in to http://127.0.0.1:8000: run `bayplan login` first.\n"
    )
    assert stranger.run("nodes", "list", "--server", "example.org:81/", code=1).err == (
        "You are not logged in to http://example.org:81: run `bayplan login --server http://example.org:81` first.\n"
    )


def test_serve_names_the_option_for_an_address_that_it_cannot_bind(stranger: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = stranger.run("serve", "--port", port, code=1).err
    assert error.endswith("Address already in use. Choose another port with --port or BAYPLAN_PORT.\n")
    error = stranger.run("serve", "--host", "192.0.2.1", code=1).err  # an address of nobody's
    assert error.endswith("Choose another address with --host or BAYPLAN_HOST.\n")


def test_users_are_added_without_a_server(stranger: Shell) -> None:
    home = stranger.home / "data"
    here = stranger.with_settings(home=str(home))
    for command in ("add kim --password-stdin", "password kim", "list"):
        error = here.run("user", *command.split(), typed="a long password\n", code=1).err
        assert error.startswith(
            f"There is no catalogue in {home / 'bayplan.db'}. Name the server's folder by BAYPLAN_HOME"
        )
        assert not home.exists()
    with running_server(home):
        pass
    for command in ("add", "password"):
        error = here.run("user", command, "kim", code=1).err
        assert error == "There is no terminal to ask for the password: add --password-stdin.\n"
    here.run("user", "add", "kim", "--password-stdin", typed="a long password\n")
    kim, total = here.run("user", "list").out.splitlines()[2:]
    assert re.split(r"\s{2,}", kim.strip()) == ["2", "kim", "-", "reads", "never"]
    assert total == "2 users"


def test_a_setting_that_is_wrong(stranger: Shell) -> None:
    assert (
        stranger.with_settings(port="http")
        .run("migrate", code=1)
        .err.startswith("BAYPLAN_PORT (or --port) must be a whole number")
    )
    for setting in ("home", "host"):
        error = stranger.with_settings(**{setting: ""}).run("migrate", code=1).err
        assert error.startswith(f"BAYPLAN_{setting.upper()} (or --{setting}) must not be empty")
    server = "ftp://nowhere"  # a setting of commands that talk to a server
    assert server in stranger.with_settings(server=server).run("nodes", "list", code=1).err
    error = stranger.run("serve", "--home", "", "--port", "0", code=2).err
    assert "--home: Write the path of a folder, or leave the option out." in error


def test_a_file_that_cannot_be_read(stranger: Shell, tmp_path: Path) -> None:
    assert (
        stranger.run("apply", "nothing.yaml", code=1).err == "nothing.yaml cannot be read: No such file or directory.\n"
    )
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"images:\n- name: caf\xe9\n")
    error = stranger.run("apply", str(latin), code=1).err
    assert error == f"{latin}:2: This is not UTF-8; save the file as UTF-8.\n"


def test_a_bad_file_is_refused_before_any_server_is_asked(stranger: Shell) -> None:
    error = stranger.run("apply", "-", typed="images:\n- name: a\n  version: 2.4\n- cpu: yes\n", code=1).err
    assert error.splitlines() == [
        '<stdin>:3: images.0.version: Write it in quotes, "2.4": without them it is a number, not text.',
        "<stdin>:4: images.1.cpu: Write true or false in place of 'yes'.",
    ]


def test_each_file_of_a_folder_of_commands_is_a_command_unless_its_name_begins_with_an_underscore() -> None:
    """To add a command is to add its file: no other file names it."""
    import typer.main

    from bayplan.cli import app
    from bayplan.cli.commands import GROUPS, TOP_LEVEL

    folder = Path(bayplan.cli.__file__).parent
    files = {
        (*(() if path.parent.name in TOP_LEVEL else (path.parent.name,)), path.stem.replace("_", "-"))
        for path in folder.glob("*/*.py")
        if path.parent.name in {*GROUPS, *TOP_LEVEL} and not path.name.startswith("_")
    }
    commands: set[tuple[str, ...]] = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        commands |= {(name, inner) for inner in command.commands} if name in GROUPS else {(name,)}
    assert commands == files
    others = {path.name for path in folder.iterdir() if path.is_dir()} - {*GROUPS, *TOP_LEVEL, "__pycache__"}
    assert others == {"document"}, "a folder of commands has its line in a table of commands.py"
