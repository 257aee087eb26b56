"""Who begins a request before the rights end, and sends its body when they have ended, has no rights."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.process import Server
from tests.raw import Answer, exchange, request

LONG_PASSWORD = "long enough for anybody"
# Longer than a body may take before the rights are checked again.
LATE_SECONDS = 1.5


def sent_late(
    server: Server, token: str, method: str, path: str, body: Any, meanwhile: Callable[[], object], seconds: float
) -> Answer:
    """Sends the head, lets something happen and time pass, then sends the body."""
    content = json.dumps(body).encode()
    head = request(method, path, authorization=f"Bearer {token}", content_length=str(len(content)))

    def pieces() -> Iterator[bytes]:
        yield head
        time.sleep(seconds / 2)
        meanwhile()
        time.sleep(seconds / 2)
        yield content

    return exchange(server.port, pieces())


@pytest.fixture
def staff(server: Server) -> Iterator[httpx2.Client]:
    """A client that is logged in as staff."""
    with server.client() as client:
        yield client


@pytest.fixture
def other(server: Server, staff: httpx2.Client) -> tuple[int, str]:
    """Another staff user: the pk and an access token."""
    body = catalogue.user(password=LONG_PASSWORD, is_staff=True)
    made = staff.post("/v1/users/create", json=body).raise_for_status().json()
    return made["pk"], server.token(made["username"], LONG_PASSWORD)


@pytest.fixture
def worker(server: Server, staff: httpx2.Client) -> tuple[str, str, dict[str, Any]]:
    """A machine that has joined: its name, an access token, and the body that it sent."""
    token = staff.post("/v1/nodes/join-tokens", json={}).raise_for_status().json()["token"]
    body = catalogue.machine(1)
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx2.post(f"{server.url}/v1/nodes/join", json=body, headers=headers).raise_for_status().json()
    credential = {"worker": made["worker"], "secret": made["secret"]}
    tokens = httpx2.post(f"{server.url}/v1/auth/obtain", json=credential).raise_for_status().json()
    return made["worker"], tokens["access"], body


def test_who_is_deactivated_before_the_body_comes_is_out(
    server: Server, staff: httpx2.Client, other: tuple[int, str]
) -> None:
    pk, token = other
    body = catalogue.user(password=LONG_PASSWORD, is_staff=True)
    answer = sent_late(
        server, token, "POST", "/v1/users/create", body, lambda: staff.delete(f"/v1/users/{pk}"), LATE_SECONDS
    )
    assert answer.status == 401, answer.body
    assert body["username"] not in [user["username"] for user in staff.post("/v1/users/list").json()]


def test_who_is_staff_no_more_when_the_body_comes_does_nothing(
    server: Server, staff: httpx2.Client, other: tuple[int, str]
) -> None:
    pk, token = other
    body = {"name": "Too", "version": "late"}

    def demote() -> None:
        staff.patch(f"/v1/users/{pk}", json={"is_staff": False}).raise_for_status()

    answer = sent_late(server, token, "POST", "/v1/frameworks/create", body, demote, LATE_SECONDS)
    assert answer.status == 403, answer.body
    assert "Too" not in [framework["name"] for framework in staff.post("/v1/frameworks/list").json()]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/docker/list"), ("PUT", "/v1/prefetch/holdings")])
def test_a_worker_that_is_revoked_before_the_body_comes_gets_nothing(
    server: Server, staff: httpx2.Client, worker: tuple[str, str, dict[str, Any]], method: str, path: str
) -> None:
    name, token, _ = worker
    answer = sent_late(server, token, method, path, {}, lambda: staff.delete(f"/v1/nodes/workers/{name}"), LATE_SECONDS)
    assert answer.status == 401, answer.body


def test_whose_rights_are_as_before_is_served_however_late_the_body_comes(
    server: Server, other: tuple[int, str]
) -> None:
    answer = sent_late(server, other[1], "POST", "/v1/docker/list", {}, lambda: None, LATE_SECONDS)
    assert answer.status == 200, answer.body


def test_a_worker_that_is_revoked_just_before_it_reports_is_out(
    server: Server, staff: httpx2.Client, worker: tuple[str, str, dict[str, Any]]
) -> None:
    name, token, body = worker
    answer = sent_late(
        server, token, "POST", "/v1/nodes/join", body, lambda: staff.delete(f"/v1/nodes/workers/{name}"), 0.4
    )
    assert answer.status == 401, answer.body
