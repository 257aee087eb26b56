"""The page of workers and join tokens: what the commands say, a join token that is shown once, and the end of both."""

import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.cli.conftest import Shell
from tests.cli.test_images import rows
from tests.process import Server
from tests.web.cells import heading, main_text, mistake, table
from tests.web.conftest import PageClient

_COMMAND = re.compile(r'<div class="copied-block"><pre tabindex="0"><code>([^<]+)</code>')
FAULT = '<b>"no driver"</b>'


def command_in(answer: httpx2.Response) -> list[str]:
    """The words of the command that a page shows."""
    (command,) = _COMMAND.findall(answer.text)
    return shlex.split(unescape(command))


def join(office: Server, token: str, ip: str, **changes: Any) -> dict[str, Any]:
    """Joins a machine, as its command does; gives the answer."""
    body = catalogue.machine(2, ip=ip, **changes)
    bearer = {"Authorization": f"Bearer {token}"}
    answer = httpx2.post(f"{office.url}/v1/nodes/join", json=body, headers=bearer)
    return dict(answer.raise_for_status().json())


def new_token(office_staff: PageClient, **fields: str) -> str:
    """A join token, made on the page."""
    return command_in(office_staff.post("/nodes/workers", **fields))[-1]


def join_tokens(office_staff: PageClient) -> list[list[str]]:
    """The rows of the join tokens."""
    return table(office_staff.get("/nodes/workers").text, "Join tokens")


def test_a_join_token_is_shown_once_in_the_command_for_the_machine(office: Server, office_staff: PageClient) -> None:
    made = office_staff.post("/nodes/workers", expires_in="2h", uses="2")
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    command = command_in(made)
    token = command[-1]
    assert command == ["bayplan", "worker", "join", office.url, "--token", token]
    assert "Valid for 2 machines until" in main_text(made.text)
    assert "another address" in main_text(made.text)
    joined = join(office, token, "once.example.net")
    assert join_tokens(office_staff)[-1][1] == "1 of 2"
    worker = office_staff.get(f"/nodes/workers/{joined['worker']}").text
    link = f'<a href="/nodes/workers/{joined["worker"]}"><bdi>worker {joined["worker"]}</bdi></a>'
    assert link in office_staff.get("/history?resource=workers").text
    for secret in (token, joined["secret"]):
        assert secret not in worker + "".join(
            office_staff.get(address).text for address in ("/nodes/workers", "/history", "/audit", "/nodes")
        )
        assert secret not in office.log


def test_the_lists_are_those_of_the_commands(office: Server, office_staff: PageClient, tmp_path: Path) -> None:
    token = new_token(office_staff, uses="3")
    join(office, token, "of-the-list.example.net", fault=FAULT)
    shell = Shell(tmp_path, {"server": office.url, "token": office.token()})
    said = [row[:4] for row in rows(shell.run("nodes", "workers").out) if row[0].startswith("w-")]
    page = office_staff.get("/nodes/workers").text
    shown = [[row[0], row[1].split()[0], row[2].partition(":")[0], row[3]] for row in table(page, "Workers")]
    assert shown == said != []
    assert FAULT not in page
    faults = [row[1] for row in table(page, "Workers") if row[1].startswith("of-the-list")]
    assert faults == [f"of-the-list.example.net fault {FAULT}"]
    said = rows(shell.run("nodes", "join-tokens").out)[1:-1]
    assert [row[:-1] for row in join_tokens(office_staff)] == said != []
    (only,) = table(office_staff.get("/nodes/workers?q=OF-THE-LIST").text, "Workers")
    assert only[4] == str(catalogue.machine(1)["driver_version"])
    assert "No worker is like that" in office_staff.get("/nodes/workers?q=%25").text


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"expires_in": "soon"}, "expires_in", "is no duration"),
        ({"expires_in": "32d"}, "expires_in", "at most 31d"),
        ({"uses": "many"}, "uses", "whole number"),
        ({"uses": "0"}, "uses", "1"),
        ({"uses": "1000000"}, "uses", "100"),
    ],
)
def test_mistakes_are_beside_their_fields(
    office_staff: PageClient, fields: dict[str, str], field: str, sentence: str
) -> None:
    answer = office_staff.post("/nodes/workers", **fields)
    assert answer.status_code == 422
    assert sentence in mistake(answer.text, field)


def test_a_worker_is_revoked_with_or_without_its_nodes(office: Server, office_staff: PageClient) -> None:
    token = new_token(office_staff, uses="2")
    for ip, fields, sentence, is_left in (
        ("stays.example.net", {}, "; its nodes stay.", True),
        ("goes.example.net", {"nodes": "true"}, " and removed its nodes.", False),
    ):
        joined = join(office, token, ip)
        credentials = {"worker": joined["worker"], "secret": joined["secret"]}
        session = httpx2.post(f"{office.url}/v1/auth/obtain", json=credentials).raise_for_status().json()["access"]
        bearer = {"Authorization": f"Bearer {session}", "Node-Id": str(joined["nodes"][0]["pk"])}
        assert httpx2.get(f"{office.url}/v1/nodes/ping", headers=bearer).status_code == 200
        page = office_staff.get(f"/nodes/workers/{ip}")
        assert heading(page.text) == joined["worker"]
        assert f'action="/nodes/workers/{joined["worker"]}"' in page.text
        done = office_staff.post(f"/nodes/workers/{joined['worker']}", **fields)
        assert f"Revoked {joined['worker']}{sentence}" in main_text(office_staff.get(done.headers["location"]).text)
        assert httpx2.get(f"{office.url}/v1/nodes/ping", headers=bearer).status_code == 401
        assert office_staff.get(f"/nodes/workers/{joined['worker']}").status_code == 404
        assert office_staff.post(f"/nodes/workers/{joined['worker']}").status_code == 404
        node = office_staff.get(f"/nodes/{joined['nodes'][0]['pk']}")
        assert node.status_code == (200 if is_left else 404)


def test_a_join_token_is_revoked(office: Server, office_staff: PageClient) -> None:
    token = new_token(office_staff, uses="7")
    pk = join_tokens(office_staff)[-1][0]
    asked = office_staff.get(f"/nodes/join-tokens/{pk}/revoke")
    assert heading(asked.text) == f"Revoke the join token {pk} (for 7 machines more)?"
    done = office_staff.post(f"/nodes/join-tokens/{pk}/revoke")
    assert f"Revoked the join token {pk}." in main_text(office_staff.get(done.headers["location"]).text)
    with pytest.raises(httpx2.HTTPStatusError):
        join(office, token, "late.example.net")
    assert office_staff.get(f"/nodes/join-tokens/{pk}/revoke").status_code == 404
    assert office_staff.post(f"/nodes/join-tokens/{pk}/revoke").status_code == 404


def test_workers_are_for_staff_and_forms_are_not_forged(
    office: Server, office_staff: PageClient, office_user: PageClient
) -> None:
    joined = join(office, new_token(office_staff), "forged.example.net")
    before = join_tokens(office_staff)
    pk = before[-1][0]
    assert "/nodes/workers" in office_staff.get("/nodes").text
    assert "/nodes/workers" not in office_user.get("/nodes").text
    paths = ("/nodes/workers", f"/nodes/workers/{joined['worker']}", f"/nodes/join-tokens/{pk}/revoke")
    for path in paths:
        assert office_user.get(path).status_code == 403
        assert office_user.post(path).status_code == 403
        forged = office_staff.http.post(path, headers={"Accept": "text/html"})
        assert forged.status_code == 403
        assert "was not sent from a page of this server" in forged.text
    assert join_tokens(office_staff) == before
    assert office_staff.get(f"/nodes/workers/{joined['worker']}").status_code == 200
    assert office_staff.get("/nodes/workers/%00").status_code == 404
