"""`bayplan user`: by staff and for oneself over HTTP, and on the database itself when nobody can log in."""

import json
import re

import pytest

from bayplan.cli.user._view import show_users
from tests.cli.conftest import Shell
from tests.process import Server

FIRST, SECOND, THIRD = "a first long password", "a second long password", "a third long password"


@pytest.fixture
def kim(server: Server, shell: Shell, request: pytest.FixtureRequest) -> str:
    """A new user of this test's own."""
    name = f"kim-{request.node.name.replace('_', '-')}"[:60]
    added = shell.run("user", "add", name, "--first-name", "Kim", "--password-stdin", typed=f"{FIRST}\n")
    assert re.fullmatch(rf"Added the user {re.escape(name)}, pk \d+\.\n", added.out)
    return name


def logged_in(stranger: Shell, server: Server, name: str, password: str) -> Shell:
    """The shell of a person who has logged in."""
    stranger.run("login", "-u", name, "--password-stdin", "--server", server.url, typed=password)
    return stranger


def test_staff_manage_users_over_http(server: Server, shell: Shell, kim: str) -> None:
    assert kim in shell.run("user", "list").out
    assert shell.run("user", "set", kim, "--staff", "--email", "kim@example.org").out == f"Changed {kim}.\n"
    user = next(user for user in json.loads(shell.run("user", "list", "--json").out) if user["username"] == kim)
    assert (user["is_staff"], user["email"]) == (True, "kim@example.org")
    new = shell.run("user", "password", kim, "--password-stdin", typed=f"{SECOND}\n")
    assert new.out == f"{kim} has a new password; their sessions and tokens have ended.\n"
    assert server.token(kim, SECOND)
    asked = shell.run("user", "rm", kim, code=2).err
    assert f"Deactivate {kim} (staff)? There is no terminal" in asked
    assert re.search(r"They added \d+ images: .+ and \d+ more\.", shell.run("user", "rm", "admin", code=2).err)
    assert shell.run("user", "rm", kim, "--yes").out == f"Deactivated {kim}.\n"
    assert shell.run("user", "set", kim, "--active", "--no-staff").out == f"Changed {kim}.\n"
    assert "did you mean" in shell.run("user", "set", f"{kim}x", "--staff", code=1).err
    assert "Nothing to change" in shell.run("user", "set", kim, code=2).err
    assert "the last active staff user" in shell.run("user", "set", "admin", "--no-staff", code=1).err


def test_oneself_with_the_old_password(server: Server, stranger: Shell, kim: str) -> None:
    here = logged_in(stranger, server, kim, FIRST)
    assert here.run("user", "list", "-o", "name").out == f"{kim}\n", "of others only staff"
    wrong = here.run("user", "password", "--password-stdin", typed=f"{SECOND}\n{THIRD}\n", code=1).err
    assert wrong == "The old password is wrong.\n"
    one_line = here.run("user", "password", "--password-stdin", typed=f"{SECOND}\n", code=1).err
    assert "a line each" in one_line
    done = here.run("user", "password", "--password-stdin", typed=f"{FIRST}\n{SECOND}\n")
    assert done.out == "You have a new password; your other sessions and your tokens for programs have ended.\n"
    assert here.run("whoami", "-o", "name").out == f"{kim}\n", "the session goes on"
    asked = here.at_terminal("user", "password", typed=(SECOND, THIRD, FIRST, THIRD, THIRD))
    assert asked.code == 0, asked.out
    assert "The two are not the same: type both again." in asked.out
    short = here.at_terminal("user", "password", typed=(THIRD, "short", "short"))
    assert "The password must have at least" in short.out
    assert SECOND not in asked.out
    assert server.token(kim, THIRD)
    assert "Only staff may do this" in here.run("user", "set", kim, "--staff", code=1).err
    assert "There is no user 'admin'" in here.run("user", "password", "admin", "--password-stdin", code=1).err


def test_on_the_database_itself_where_that_is_named(server: Server, shell: Shell, stranger: Shell, kim: str) -> None:
    home = str(server.home)
    assert kim in stranger.with_settings(home=home).run("user", "list", "-o", "name").out.splitlines()
    done = stranger.run("user", "password", kim, "--home", home, "--password-stdin", typed=f"{SECOND}\n")
    assert done.out == f"{kim} has a new password; their sessions and tokens have ended.\n"
    assert "the last active staff user" in stranger.run("user", "rm", "admin", "-y", "--home", home, code=1).err
    assert "Name the user" in stranger.run("user", "password", "--home", home, code=1).err
    both = shell.run("user", "list", "--home", home, "--server", server.url, code=2).err
    assert "leave out --server" in both
    by_server = stranger.with_settings(home=home).run("user", "list", "--server", server.url, code=1).err
    assert by_server.startswith(f"You are not logged in to {server.url}")
    for refusal in (by_server, stranger.run("user", "list", "--server", "http://127.0.0.1:9", code=1).err):
        assert refusal.endswith("On the server's machine, --home or --database works on the database itself.\n")


def test_a_token_changes_no_user(shell: Shell, server: Server, stranger: Shell) -> None:
    token = shell.run("token", "create", "for-users", "--scope", "apply").out.strip()
    program = stranger.with_settings(server=server.url, token=token)
    error = program.run("user", "password", "--password-stdin", typed=f"{FIRST}\n{SECOND}\n", code=1).err
    assert error == "A token for programs cannot do this. Log in with a user name and a password.\n"


def test_users_are_shown_with_times_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    show_users(
        [
            {
                "pk": 1,
                "username": "kim",
                "first_name": "Kim",
                "last_name": "",
                "is_active": True,
                "is_staff": False,
                "last_login": "2026-01-31T12:00:59.078196Z",
            }
        ]
    )
    assert "2026-01-31 12:00 UTC" in capsys.readouterr().out
