"""`bayplan token`: made, used by a program in BAYPLAN_TOKEN, listed and revoked, as a person does it."""

import json
import re

from tests.cli.conftest import Shell
from tests.process import Server


def test_a_token_is_made_used_listed_and_revoked(server: Server, shell: Shell) -> None:
    made = shell.run("token", "create", "ci", "--scope", "match", "--expires-in", "90d")
    token = made.out.strip()
    assert re.fullmatch(r"bpt_[0-9A-Za-z]{49}", token)
    assert re.fullmatch(
        r"Valid for match until \d{4}-\d\d-\d\d \d\d:\d\d UTC. It is not shown again. .*BAYPLAN_TOKEN\.\n", made.err
    )
    program = shell.with_settings(server=server.url, token=token)
    assert "pytorch" in program.run("images", "list").out
    assert program.run("match", "--gpu", "a100", "--driver", "550.54.15").out
    error = program.run("images", "rm", "1", "--yes", code=1).err
    assert "the scope 'apply'" in error
    assert "`bayplan token create`" in error
    assert "Log in" in program.run("token", "create", "other", code=1).err
    listed = shell.run("token", "list").out
    assert re.search(r"ci +match +\d{4}-\d\d-\d\d \d\d:\d\d UTC +", listed)
    assert token not in listed
    refused = shell.run("token", "revoke", "ci", code=2).err
    assert "Revoke ci (last use " in refused
    assert shell.run("token", "revoke", "ci", "--yes").out == "Revoked ci.\n"
    (line,) = program.run("images", "list", code=1).err.splitlines()
    assert line.startswith(f"{server.url} refuses the token in BAYPLAN_TOKEN. The token was revoked")
    assert token not in line
    assert re.search(r"ci +match +revoked", shell.run("token", "list", "--ended").out)


def test_a_token_is_kept_in_place_of_a_session(server: Server, shell: Shell, stranger: Shell) -> None:
    token = shell.run("token", "create", "kept", "--scope", "match").out
    done = stranger.run("login", "--token-stdin", "--server", server.url, typed=token)
    assert done.out == f"Logged in to {server.url} as admin.\n"
    assert "kept" in stranger.run("whoami").out
    shell.run("token", "revoke", "kept", "--yes")
    (line,) = stranger.run("images", "list", code=1).err.splitlines()
    assert line.startswith(f"{server.url} refuses the stored token of admin. The token was revoked")
    assert "no token" in stranger.run("login", "--token-stdin", typed="", code=1).err
    assert "--username" in stranger.run("login", "--token-stdin", "-u", "kim", typed=token, code=2).err
    files = [path.read_bytes() for path in server.home.rglob("*") if path.is_file()]
    for text in (server.log.encode(), *files):
        assert token.strip().encode() not in text


def test_what_a_token_can_be_is_said_in_words_of_the_command_line(shell: Shell) -> None:
    error = shell.run("token", "create", "long", "--expires-in", "400d", code=1).err
    assert error.startswith("--expires-in can be at most 365d")
    assert shell.run("nodes", "join-token", "--expires-in", "90d", code=1).err == "--expires-in can be at most 31d.\n"
    error = shell.run("token", "create", "wide", "--scope", "read,admin", code=1).err
    assert error == "--scope must be 'read', 'match', 'apply' or 'workers'.\n"
    error = shell.run("token", "create", "", code=1).err
    assert error == "The field 'name' must have at least 1 character.\n"
    error = shell.run("token", "create", "odd", "--scope", "root", code=1).err
    assert "read" in error
    assert "workers" in error
    assert "token 'none-such'" in shell.run("token", "revoke", "none-such", "--yes", code=1).err


def test_several_scopes_and_tokens_as_json(shell: Shell) -> None:
    made = json.loads(shell.run("token", "create", "a", "--scope", "read,match", "--scope", "apply", "--json").out)
    assert made["scopes"] == ["read", "match", "apply"]
    shell.run("token", "create", "b")
    every = json.loads(shell.run("token", "list", "--everyone", "--json").out)
    assert {(token["name"], token["owner"]) for token in every} >= {("a", "admin"), ("b", "admin")}
    pk = next(token["pk"] for token in every if token["name"] == "b")
    assert shell.run("token", "revoke", "a", str(pk), "--yes").out == "Revoked a.\nRevoked b.\n"
