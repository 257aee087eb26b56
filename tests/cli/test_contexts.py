"""`bayplan context`: which server commands ask, and what they say where nothing answers there."""

import http.server
import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.client import contexts, stored_sessions
from bayplan.errors import Conflict, Invalid
from tests.cli.conftest import Shell
from tests.process import Server
from tests.tokens import made

DEAD = "http://127.0.0.1:9"
CONTEXTS = "config/bayplan/contexts.json"


def test_a_person_uses_several_servers_by_name(server: Server, stranger: Shell, password: str) -> None:
    assert "No contexts: `bayplan login --server URL` adds one." in stranger.run("context", "list").out
    assert stranger.run("context", "add", "dead", "--server", DEAD).out.startswith(
        "Added dead; `bayplan context use dead`"
    )
    done = stranger.run("login", "-u", "admin", "--password-stdin", "--server", server.url, typed=password)
    assert (done.out, done.err) == (f"Logged in to {server.url} as admin.\n", "")
    file = stranger.home / CONTEXTS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    name = f"127.0.0.1:{server.port}"
    assert "Object Detection" in stranger.run("list", "domains").out, "the server of the log-in is the current one"
    shown = stranger.run("whoami").out
    assert f"{server.url} (the context {name})" in shown
    assert "session until" in shown

    assert stranger.run("context", "use", "dead").out == f"Commands use dead ({DEAD}) from now on.\n"
    assert stranger.run("images", "list", "--context", name, "-o", "name").out
    assert stranger.with_settings(context=name).run("images", "list", "-o", "name").out
    both = stranger.run("images", "list", "--context", name, "--server", DEAD, code=2).err
    assert "--server and --context" in both
    here = stranger.with_settings(server=server.url)
    assert here.run("images", "list", "-o", "name").out, "BAYPLAN_SERVER goes before the current context"
    warned = here.run("context", "use", "dead")
    assert warned.err == f"BAYPLAN_SERVER goes before it: commands ask {server.url}.\n"

    listed = json.loads(stranger.run("context", "list", "--json").out)
    assert listed == [
        {"name": name, "server": server.url, "current": False, "user": "admin"},
        {"name": "dead", "server": DEAD, "current": True, "user": None},
    ]
    lines = [line.split() for line in stranger.run("context", "list").out.splitlines()]
    assert [name, server.url, "admin"] in lines
    assert ["*", "dead", DEAD, "-"] in lines
    assert stranger.run("context", "show", "-o", "name").out == f"{DEAD}\n"
    error = stranger.run("context", "use", "deed", code=1).err
    assert error == "There is no context 'deed'; did you mean dead?\n"
    assert "(the current one)" in stranger.run("context", "rm", "dead", code=2).err
    assert stranger.run("context", "rm", "dead", "--yes").out == "Removed dead.\n"
    kept = stranger.run("context", "rm", name, "-y").out
    assert kept == f"Removed {name}. The session of admin stays; `bayplan logout --server {server.url}` ends it.\n"
    assert stranger.run("context", "show").out.splitlines()[0].split() == ["server", "http://127.0.0.1:8000"]


def test_logging_in_where_a_name_is_there_already_uses_it(server: Server, stranger: Shell, password: str) -> None:
    stranger.run("context", "add", "prod", "--server", server.url)
    stranger.run("login", "-u", "admin", "--password-stdin", "--context", "prod", typed=password)
    (context,) = json.loads(stranger.run("context", "list", "--json").out)
    assert (context["name"], context["current"]) == ("prod", True)
    assert f"{server.url} (--context prod)" in stranger.run("whoami", "--context", "prod").out


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person's configuration, in which nothing is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "bayplan"


@pytest.mark.parametrize("text", ["{", "[]", '{"contexts": 3}', '{"contexts": {"a": {"server": "::"}}}'])
def test_a_damaged_file_is_named_with_the_remedy(config: Path, text: str) -> None:
    config.mkdir()
    (config / "contexts.json").write_text(text)
    with pytest.raises(Invalid, match=r"contexts\.json cannot be read; remove it"):
        contexts.load()


@pytest.mark.parametrize("mode", [0o622, 0o664, 0o777])
def test_contexts_that_others_can_change_are_refused(config: Path, mode: int) -> None:
    contexts.add("prod", DEAD)
    (config / "contexts.json").chmod(0o644)
    assert contexts.load().servers == {"prod": DEAD}
    (config / "contexts.json").chmod(mode)
    with pytest.raises(Invalid, match=r"Other users can change .*contexts\.json.*: run `chmod 600 .*contexts\.json`\."):
        contexts.load()


@pytest.mark.parametrize(("mode", "does"), [(0o644, "read"), (0o640, "read"), (0o606, "change"), (0o660, "change")])
def test_a_session_that_others_can_use_is_refused(config: Path, mode: int, does: str) -> None:
    session = stored_sessions.StoredSession("casey", "access", "refresh")
    stored_sessions.keep(DEAD, session)
    assert stored_sessions.find(DEAD) == session
    (config / "logins.json").chmod(mode)
    with pytest.raises(Invalid, match=rf"Other users can {does} .*run `chmod 600 .*logins\.json`"):
        stored_sessions.find(DEAD)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_a_file_of_another_user_is_refused(config: Path) -> None:
    contexts.add("prod", DEAD)
    os.chown(config / "contexts.json", 12_345, 12_345)
    with pytest.raises(Invalid, match="belongs to another user, who could name a server of their own in it"):
        contexts.load()


def test_a_name_is_one_servers(config: Path) -> None:
    contexts.add("prod", DEAD)
    contexts.add("prod", f"{DEAD}/")
    with pytest.raises(Conflict, match="bayplan context rm prod"):
        contexts.add("prod", "http://127.0.0.1:10")
    for name in ("a b", "", "-x", "x" * 101, "a/b"):
        with pytest.raises(Invalid, match="cannot be the name of a context"):
            contexts.add(name, DEAD)
    assert contexts.use_server("http://127.0.0.1:10") == "127.0.0.1:10"
    contexts.add("127.0.0.1:11", DEAD)
    assert contexts.use_server("http://127.0.0.1:11") == "127.0.0.1:11-2"
    assert contexts.load().current == "127.0.0.1:11-2"
    assert contexts.remove("127.0.0.1:11-2") == "http://127.0.0.1:11"
    assert contexts.load().current is None
    assert [path.name for path in config.iterdir()] == ["contexts.json"]


@pytest.fixture(scope="module")
def other_program() -> Iterator[str]:
    """The address of a program that is not bayplan, and answers everything with a page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        do_POST = do_GET  # noqa: N815  # the library's name

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        (DEAD, f"Nothing answers at {DEAD} (Connection refused): is `bayplan serve` running there?"),
        ("http://catalogue.invalid", "Nothing answers at http://catalogue.invalid ("),
        ("", "{} does not answer as bayplan does (status 200)"),
        ("https", "No secure connection to {}: it does not speak TLS there"),
    ],
    ids=["refused", "no host", "another program", "no TLS"],
)
def test_a_dead_server_is_said_with_where_the_others_are(
    stranger: Shell, other_program: str, url: str, begins: str
) -> None:
    address = url or other_program
    if url == "https":
        address = other_program.replace("http:", "https:")
    commands = (("images", "list"), ("match", "--gpu", "a100"), ("login", "-u", "kim", "--password-stdin"), ("whoami",))
    here = stranger.with_settings(server=address, token="bpt_x")
    for command in commands[:1] if url != DEAD else commands:
        (line,) = here.run(*command, typed="password\n", code=1).err.splitlines()
        assert line.startswith(begins.format(address)), line
        assert line.endswith("`bayplan context list` shows the servers that you use.")


def test_who_one_is_by_a_token(server: Server, stranger: Shell) -> None:
    with server.client() as client:
        token = made(client, "prometheus")["token"]
    program = stranger.with_settings(server=server.url, token=token)
    shown = program.run("whoami").out
    assert [line.split()[:2] for line in shown.splitlines()][:1] == [["user", "admin"]]
    assert "token     prometheus\nscopes    read\nuntil     20" in shown.replace("  token", "token")
    answer = json.loads(program.run("whoami", "-o", "json").out)
    assert (answer["token"]["name"], answer["session_ends"], answer["server"]) == ("prometheus", None, server.url)
    assert program.run("whoami", "-o", "name").out == "admin\n"
    assert "run `bayplan login" in stranger.run("whoami", "--server", server.url, code=1).err
