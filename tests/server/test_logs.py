"""The server's log: its level is the setting's, each entry is one line with time and level, and no secret is in it."""

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.server.logs import LineFormatter
from tests import catalogue
from tests.process import ADMIN_PASSWORD, Server, running_server

ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) \S.*")
UNREACHABLE = "The docker image with pk 1 is unreachable now"
SECRET_QUERY = "s3cret-in-a-query"
SECRET_BODY = "s3cret-in-a-body"


def entries(server: Server) -> list[str]:
    """The lines of the server's standard error."""
    return server.err.read_text().splitlines()


def eventually(condition: Callable[[], bool]) -> None:
    """Waits until the condition is true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_an_image_nobody_serves(server: Server) -> None:
    """Enters an image of a registry that does not answer, and has it checked in the background."""
    server.stock()
    with server.client() as client:
        body = catalogue.image(url="127.0.0.1:1/team/lost:1", registry="https://127.0.0.1:1")
        client.post("/v1/docker/create", json=body).raise_for_status()
        client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
        eventually(lambda: client.get("/v1/docker/checks").json()["states"]["unreachable"] == 1)


@pytest.mark.parametrize(("level", "is_logged"), [("debug", True), ("info", True), ("warning", False)])
def test_the_level_reaches_bayplans_own_entries(tmp_path: Path, level: str, is_logged: bool) -> None:
    settings = {"log_level": level, "registry_allow_private": "127.0.0.0/8"}
    with running_server(tmp_path / "home", **settings) as server:
        check_an_image_nobody_serves(server)
        if is_logged:
            eventually(lambda: any(line.endswith(f" INFO {UNREACHABLE}") for line in entries(server)))
            assert any("BAYPLAN_REGISTRY_ALLOW_PRIVATE has 127.0.0.0/8" in line for line in entries(server))
    assert [line for line in entries(server) if not ENTRY.fullmatch(line)] == []
    assert bool(entries(server)) is is_logged
    assert any("unreachable" in line for line in entries(server)) is is_logged


def test_debug_shows_each_request_without_what_may_be_secret(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", log_level="debug") as server, server.client() as client:
        client.get(f"/v1/docker/7?token={SECRET_QUERY}")
        client.post("/v1/docker/create", json={"registry_password": SECRET_BODY})
        client.get("/v1/a%0Ab/%1b[31m")
        tokens = set(server.tokens.values())
    lines = entries(server)
    assert [line for line in lines if not ENTRY.fullmatch(line)] == []
    requests = [line.split(" ", 1)[1] for line in lines if re.search(r" DEBUG [A-Z]+ /", line)]
    assert any(re.fullmatch(r"DEBUG GET /v1/docker/7 4\d\d \d+\.\d ms", line) for line in requests)
    assert any(re.fullmatch(r"DEBUG POST /v1/auth/obtain 200 \d+\.\d ms", line) for line in requests)
    assert any(re.fullmatch(r"DEBUG POST /v1/docker/create 422 \d+\.\d ms", line) for line in requests), requests
    assert any(line.startswith("DEBUG GET /v1/a%0Ab/%1b[31m 404 ") for line in requests)
    for secret in (SECRET_QUERY, SECRET_BODY, ADMIN_PASSWORD, *tokens):
        assert secret not in server.log


def test_info_shows_no_request(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", log_level="info") as server:
        pass
    assert [line for line in entries(server) if "/readyz" in line] == []


def test_a_message_stays_on_its_line() -> None:
    """What somebody sent cannot look like an entry of its own, and cannot steer a terminal."""
    record = logging.LogRecord("bayplan", logging.WARNING, "", 1, "one\ntwo \x1b[31m %s", ("é",), None)
    record.created = 0.25
    formatter = LineFormatter("%(asctime)s %(levelname)s %(message)s")
    assert formatter.format(record) == "1970-01-01T00:00:00.250Z WARNING one\\ntwo \\x1b[31m é"
