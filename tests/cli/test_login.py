"""Logging in: asked without echo or read from the input, kept for nobody else to read, and what happens when it ends."""

import json
import stat

from tests.cli.conftest import Shell
from tests.process import Server

LOGINS = "config/bayplan/logins.json"


def test_logging_in_is_kept_for_its_owner_alone(server: Server, stranger: Shell, password: str) -> None:
    said = stranger.run("login", "-u", "admin", "--password-stdin", "--server", f"{server.url}/", typed=f"{password}\n")
    assert said.out == f"Logged in to {server.url} as admin.\n"
    kept = stranger.home / LOGINS
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert password not in kept.read_text()
    assert [one.name for one in kept.parent.iterdir()] == ["logins.json"]

    assert "Object Detection" in stranger.run("list", "domains", "--server", server.url).out
    assert stranger.run("logout", "--server", server.url).out == f"admin left {server.url}.\n"
    assert stranger.run("logout", "--server", server.url).out == f"Nobody was logged in to {server.url}.\n"
    assert "run `bayplan login" in stranger.run("list", "domains", "--server", server.url, code=1).err


def test_a_terminal_is_asked_without_echo(server: Server, stranger: Shell, password: str) -> None:
    here = stranger.with_settings(server=server.url)
    said = here.at_terminal("login", typed=("admin", password))
    assert said.code == 0, said.out
    assert f"Logged in to {server.url} as admin." in said.out
    assert "User: " in said.out
    assert "Password: " in said.out
    assert password not in said.out


def test_without_a_terminal_nothing_is_asked(stranger: Shell) -> None:
    assert (
        stranger.run("login", code=1).err == "There is no terminal to ask for the user at; give it with --username.\n"
    )
    said = stranger.run("login", "--username", "admin", code=1).err
    assert said == "There is no terminal to ask for the password at; give it with --password-stdin.\n"


def test_a_wrong_password(server: Server, stranger: Shell) -> None:
    arguments = ("login", "-u", "admin", "--password-stdin", "--server", server.url)
    (line,) = stranger.run(*arguments, typed="wrong\n", code=1).err.splitlines()
    assert "password" in line
    assert not (stranger.home / LOGINS).exists()
    here = stranger.with_settings(server=server.url, username="admin", password="wrong")
    (line,) = here.run("nodes", "list", code=1).err.splitlines()
    assert "password" in line


def test_scripts_need_no_log_in(server: Server, stranger: Shell, password: str) -> None:
    by_name = stranger.with_settings(server=server.url, username="admin", password=password)
    by_token = stranger.with_settings(server=server.url, token=server.token())
    assert by_name.run("list", "domains").out == by_token.run("list", "domains").out
    assert not (stranger.home / LOGINS).exists()


def test_an_access_token_that_ended_is_renewed_and_kept(server: Server, stranger: Shell, password: str) -> None:
    here = stranger.with_settings(server=server.url)
    here.run("login", "-u", "admin", "--password-stdin", typed=password)
    kept = here.home / LOGINS
    logins = json.loads(kept.read_text())
    logins[server.url]["access"] = "ended"
    kept.write_text(json.dumps(logins))
    here.run("list", "domains")
    renewed = json.loads(kept.read_text())[server.url]
    assert renewed["access"] != "ended"
    assert renewed["refresh"] == logins[server.url]["refresh"]


def test_a_log_in_that_ended_says_so(server: Server, stranger: Shell) -> None:
    kept = stranger.home / LOGINS
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({server.url: {"username": "admin", "access": "ended", "refresh": "ended too"}}))
    said = stranger.run("nodes", "list", "--server", server.url, code=1).err
    assert said == (
        f"The log-in of admin at {server.url} has ended; run `bayplan login --server {server.url}` again.\n"
    )


def test_a_file_of_log_ins_that_is_broken_says_so(stranger: Shell) -> None:
    kept = stranger.home / LOGINS
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    said = stranger.run("nodes", "list", code=1).err
    assert said == f"{kept} cannot be read; remove it and log in again.\n"


def test_a_token_that_is_not_taken(server: Server, stranger: Shell) -> None:
    said = stranger.with_settings(server=server.url, token="wrong").run("images", "list", code=1).err
    assert said == f"{server.url} does not take the access token in BAYPLAN_TOKEN, or no longer; put a new one there.\n"
