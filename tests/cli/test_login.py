"""`bayplan login`: the password is read without echo or from the input, and the session is stored, renewed and ended."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bayplan.client import stored_sessions
from bayplan.errors import Invalid
from tests.cli.conftest import Shell
from tests.process import Server

SESSIONS = "config/bayplan/logins.json"


def test_logging_in_is_kept_for_its_owner_alone(server: Server, stranger: Shell, password: str) -> None:
    done = stranger.run("login", "-u", "admin", "--password-stdin", "--server", f"{server.url}/", typed=f"{password}\n")
    assert done.out == f"Logged in to {server.url} as admin.\n"
    file = stranger.home / SESSIONS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert password not in file.read_text()
    assert sorted(path.name for path in file.parent.iterdir()) == ["contexts.json", "logins.json"]

    who = stranger.run("whoami", "--server", server.url, "-o", "json").out
    again = stranger.run(
        "login", "-u", "admin", "--password-stdin", "--server", server.url, "--json", typed=password
    ).out
    (kept,) = json.loads(file.read_text()).values()
    assert json.loads(again).keys() == json.loads(who).keys()
    assert json.loads(again)["user"]["username"] == "admin"
    assert kept["access"] not in again
    assert kept["refresh"] not in again

    assert "Object Detection" in stranger.run("list", "domains", "--server", server.url).out
    assert stranger.run("logout", "--server", server.url).out == f"Logged admin out of {server.url}.\n"
    assert stranger.run("logout", "--server", server.url).out == f"You were not logged in to {server.url}.\n"
    assert "run `bayplan login" in stranger.run("list", "domains", "--server", server.url, code=1).err


def test_a_variable_stays_in_force_after_a_log_out(server: Server, stranger: Shell, password: str) -> None:
    stranger.run("login", "-u", "admin", "--password-stdin", "--server", server.url, typed=password)
    done = stranger.with_settings(server=server.url, token="x").run("logout")
    assert done.out == f"Logged admin out of {server.url}.\n"
    assert done.err == (
        "The stored session has ended. BAYPLAN_TOKEN is still set: commands use it until you unset it.\n"
    )
    by_password = stranger.with_settings(server=server.url, username="admin", password="x").run("logout")
    assert by_password.err.startswith("No session was stored. BAYPLAN_USERNAME and BAYPLAN_PASSWORD are still set")


def test_a_terminal_is_asked_without_echo(server: Server, stranger: Shell, password: str) -> None:
    here = stranger.with_settings(server=server.url)
    done = here.at_terminal("login", typed=("admin", password))
    assert done.code == 0, done.out
    assert f"Logged in to {server.url} as admin." in done.out
    assert "User: " in done.out
    assert "Password: " in done.out
    assert password not in done.out


def test_a_question_that_is_interrupted_ends_with_130(server: Server, stranger: Shell) -> None:
    done = stranger.with_settings(server=server.url).at_terminal("login", typed=("\x03",))
    assert done.code == 130
    assert "Traceback" not in done.out


def test_an_input_that_ends_and_a_server_that_is_typed_as_an_argument(server: Server, stranger: Shell) -> None:
    done = stranger.at_terminal("login", server.url, typed=("admin", "\x04"))
    assert done.code == 1
    assert done.out.endswith("The input ended before there was an answer.\x1b[0m\n")
    both = stranger.run("login", server.url, "--server", server.url, code=2).err
    assert "both name the server" in both


def test_without_a_terminal_nothing_is_asked(stranger: Shell) -> None:
    assert stranger.run("login", code=1).err == "There is no terminal to ask for the user: add --username.\n"
    error = stranger.run("login", "--username", "admin", code=1).err
    assert error == "There is no terminal to ask for the password: add --password-stdin.\n"


def test_a_wrong_password(server: Server, stranger: Shell) -> None:
    arguments = ("login", "-u", "admin", "--password-stdin", "--server", server.url)
    (line,) = stranger.run(*arguments, typed="wrong\n", code=1).err.splitlines()
    assert "password" in line
    assert not (stranger.home / SESSIONS).exists()
    here = stranger.with_settings(server=server.url, username="admin", password="wrong")
    (line,) = here.run("nodes", "list", code=1).err.splitlines()
    assert "password" in line


def test_scripts_need_no_session(server: Server, stranger: Shell, password: str) -> None:
    by_name = stranger.with_settings(server=server.url, username="admin", password=password)
    by_token = stranger.with_settings(server=server.url, token=server.token())
    assert by_name.run("list", "domains").out == by_token.run("list", "domains").out
    assert not (stranger.home / SESSIONS).exists()


def test_an_access_token_that_ended_is_renewed_and_stored(server: Server, stranger: Shell, password: str) -> None:
    here = stranger.with_settings(server=server.url)
    here.run("login", "-u", "admin", "--password-stdin", typed=password)
    file = here.home / SESSIONS
    sessions = json.loads(file.read_text())
    sessions[server.url]["access"] = "ended"
    file.write_text(json.dumps(sessions))
    here.run("list", "domains")
    renewed = json.loads(file.read_text())[server.url]
    assert renewed["access"] != "ended"
    assert renewed["refresh"] == sessions[server.url]["refresh"]


def test_a_session_that_ended_says_so(server: Server, stranger: Shell) -> None:
    file = stranger.home / SESSIONS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({server.url: {"username": "admin", "access": "ended", "refresh": "ended too"}}))
    file.chmod(0o600)
    error = stranger.run("nodes", "list", "--server", server.url, code=1).err
    assert error == (
        f"The session of admin at {server.url} has ended: run `bayplan login --server {server.url}` again.\n"
    )


def test_a_broken_file_of_sessions_says_so(stranger: Shell) -> None:
    file = stranger.home / SESSIONS
    file.parent.mkdir(parents=True)
    file.write_text("{")
    file.chmod(0o600)
    error = stranger.run("nodes", "list", code=1).err
    assert error == f"{file} cannot be read; remove it and log in again.\n"


@pytest.mark.parametrize(
    "fields",
    [5, {}, {"username": "kim", "access": 5, "refresh": None}, {"username": "kim", "access": "a\nb", "refresh": "r"}],
)
def test_a_broken_session_says_so_and_spoils_no_other(
    fields: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    session = stored_sessions.StoredSession("kim", "access", "refresh")
    stored_sessions.keep("http://good", session)
    entries = json.loads(stored_sessions.path().read_text()) | {"http://broken": fields}
    stored_sessions.path().write_text(json.dumps(entries))
    assert stored_sessions.find("http://good") == session
    with pytest.raises(Invalid, match=r"logins\.json cannot be read; remove it and log in again\.$"):
        stored_sessions.find("http://broken")
    stored_sessions.keep("http://broken", session)
    assert stored_sessions.forget("http://broken") == session


@pytest.mark.parametrize("content", ["", "[]", "[" * 3000, "\x00", "5", None])
def test_a_file_of_sessions_that_is_none(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stored_sessions.path().parent.mkdir()
    if content is None:
        stored_sessions.path().mkdir()
    else:
        stored_sessions.path().write_text(content)
    stored_sessions.path().chmod(0o700)
    with pytest.raises(Invalid, match=r"cannot be read; remove it and log in again\.$"):
        stored_sessions.find("http://a")


def test_a_configuration_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(Invalid, match=r"cannot be (stored|read)"):
        stored_sessions.keep("http://a", stored_sessions.StoredSession("kim", "a", "r"))


NOBODY = """
import os, platformdirs.unix, pwd
from bayplan.client.settings import config_folder
from bayplan.config import load_settings
from bayplan.errors import CannotStart
load_settings(home="/somewhere")
os.setuid(54321)
for find in (config_folder, load_settings):
    try: find()
    except CannotStart as error: print(error.detail)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user that the system does not know")
def test_a_user_without_a_home_folder() -> None:
    unset = ("HOME", "BAYPLAN_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    variables = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run([sys.executable, "-c", NOBODY], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "You have no home folder to keep the configuration in: set HOME, or XDG_CONFIG_HOME.",
        "You have no home folder to keep the data in: set BAYPLAN_HOME, or HOME.",
    ]


def test_a_token_that_the_server_refuses(server: Server, stranger: Shell) -> None:
    error = stranger.with_settings(server=server.url, token="wrong").run("images", "list", code=1).err
    assert error == f"{server.url} refuses the access token in BAYPLAN_TOKEN: put a new one there.\n"
