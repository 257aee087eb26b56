"""The audit log: every answer with a registry password leaves an entry before it leaves the server, and no other does."""

import asyncio
import base64
import re
import sqlite3
import threading
import time

import httpx2
import psycopg
import pytest

from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.joining import joined
from tests.server.audit.conftest import LOGIN, PATIENCE_SECONDS, SECRET, Body, audit_log
from tests.server.http.test_statements import counted


def has_password(answer: httpx2.Response) -> bool:
    """Whether the password is in an answer, in clear or as docker has it."""
    encoded = re.findall(r"[A-Za-z0-9+/=]{24,}", answer.text)
    for _ in range(2):  # a Secret has base64 within base64
        plain = [base64.b64decode(text + "==", validate=False) for text in encoded]
        encoded = [match for text in plain for match in re.findall(r"[A-Za-z0-9+/=]{24,}", text.decode("latin-1"))]
        if any(SECRET.encode() in text for text in plain):
            return True
    return SECRET in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "action"),
    [
        ("POST", "/v1/docker/list", None, "list"),
        ("GET", "/v1/docker/{image}", None, "load"),
        ("GET", "/v1/docker/{image}?expand=framework,creator", None, "load"),
        ("PUT", "/v1/docker/{image}", catalogue.image(**LOGIN), "replace"),
        ("PATCH", "/v1/docker/{image}", {"cpu": True}, "change"),
        ("DELETE", "/v1/docker/{image}/hard", None, "hard"),
        ("POST", "/v1/docker/match", {"node": "{node}"}, "match"),
        ("GET", "/v1/docker/{image}/nodes", None, "nodes"),
        ("GET", "/v1/nodes/{node}/images", None, "images"),
        ("GET", "/v1/catalogue/export?secrets=true", None, "export"),
        ("GET", "/v1/docker/{image}/docker-config", None, "docker_config"),
        ("GET", "/v1/docker/{image}/docker-config?format=kubernetes", None, "docker_config"),
    ],
)
def test_whoever_gets_a_password_is_in_the_audit_log(
    service: Service, image: Body, method: str, path: str, body: Body | None, action: str
) -> None:
    node = service.make("nodes")["pk"]
    if body is not None and "node" in body:
        body = {"node": node}
    before = audit_log(service)
    answer = service.staff.request(method, path.format(image=image["pk"], node=node), json=body)
    assert has_password(answer), answer.text
    if method != "DELETE":
        assert answer.headers["cache-control"] in ("no-store", "private, no-cache")
    after = audit_log(service)
    assert after[1:] == before
    entry = after[0]
    assert timestamp(entry["at"]) >= timestamp(before[0]["at"])
    assert {**entry, "pk": 0, "at": ""} == {
        "pk": 0,
        "at": "",
        "last": entry["at"],
        "times": 1,
        "kind": "user",
        "name": "admin",
        "address": "127.0.0.1",
        "action": action,
        "passwords": 1,
        "images": [[image["pk"], image["pk"]]],
    }


def test_creating_and_reinstating_are_in_the_audit_log(service: Service, image: Body) -> None:
    path = f"/v1/docker/{image['pk']}"
    service.staff.delete(path)
    assert has_password(service.staff.delete(f"{path}/reinstate"))
    assert [entry["action"] for entry in audit_log(service)] == ["reinstate", "create"]


def test_a_change_that_is_not_made_leaves_no_entry(service: Service, image: Body) -> None:
    body = catalogue.image(name=image["name"], version=image["version"], **LOGIN)
    refused(service.staff.post("/v1/docker/create", json=body), 409)
    assert len(audit_log(service)) == 1


def test_a_worker_is_named_by_its_name(service: Service, image: Body) -> None:
    with joined(service) as worker:
        asked = [
            worker.client.post("/v1/docker/list", headers=worker.as_node()),
            worker.client.get(f"/v1/docker/{image['pk']}"),
            worker.client.post("/v1/docker/match", json={"node": worker.nodes[0]}),
            worker.client.get(f"/v1/nodes/{worker.nodes[0]}/images"),
            worker.client.get(f"/v1/docker/{image['pk']}/docker-config"),
        ]
        assert all(map(has_password, asked))
        entries = audit_log(service, kind="worker")
        assert [entry["action"] for entry in entries] == ["docker_config", "images", "match", "load", "list"]
        assert {entry["name"] for entry in entries} == {worker.answer["worker"]}


def test_an_answer_without_a_password_leaves_no_entry(service: Service, image: Body) -> None:
    bare = service.make("docker")
    before = audit_log(service)
    for client in (service.staff, service.user):
        client.get(f"/v1/docker/{bare['pk']}").raise_for_status()
        client.get(f"/v1/docker/{bare['pk']}/nodes").raise_for_status()
    for path in (f"/v1/docker/{image['pk']}", f"/v1/docker/{image['pk']}/nodes"):
        assert not has_password(service.user.get(path))
    service.user.post("/v1/docker/list").raise_for_status()
    service.staff.get("/v1/catalogue/export").raise_for_status()
    body = {"expressions": [{"type": "exact", "field": "pk", "value": bare["pk"]}]}
    service.staff.post("/v1/docker/list", json=body).raise_for_status()
    refused(service.user.get(f"/v1/docker/{image['pk']}/docker-config"), 403)
    assert audit_log(service) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/docker/{image}"), ("POST", "/v1/docker/list")])
def test_304_leaves_no_entry_and_writes_nothing(service: Service, image: Body, method: str, path: str) -> None:
    path = path.format(image=image["pk"])
    tag = service.staff.request(method, path).headers["etag"]
    before = audit_log(service)
    with counted() as statements:
        assert service.staff.request(method, path, headers={"If-None-Match": tag}).status_code == 304
    assert not [text for text in statements if text.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert audit_log(service) == before


def test_an_answer_may_be_asked_for_without_credentials(service: Service, image: Body) -> None:
    named = {"expressions": [{"type": "exact", "field": "name", "value": image["name"]}]}
    before, path = audit_log(service), f"/v1/docker/{image['pk']}"
    with joined(service) as worker:
        for client in (service.staff, worker.client, service.user):
            for body in (None, named):
                listed = client.post("/v1/docker/list?credentials=false", json=body).json()
                assert [each["registry_username"] for each in listed] == [None]
            loaded = client.get(f"/v1/docker/{image['pk']}?credentials=false&expand=framework")
            assert (loaded.json()["registry_username"], loaded.json()["registry_password"]) == (None, None)
            assert loaded.json()["framework"]["name"]
            question: Body = {"node": worker.nodes[0]} if client is worker.client else {"worker": {}}
            matched = client.post("/v1/docker/match?credentials=false", json=question | {"explain": True})
            assert matched.is_success
            assert not has_password(matched)
            judged = client.get(f"/v1/nodes/{worker.nodes[0]}/images?credentials=false")
            assert image["name"] in judged.text
            assert not has_password(judged)
            if client is not worker.client:
                for answer in (
                    client.get(f"{path}/nodes?credentials=false"),
                    client.post(f"{path}/fit?credentials=false"),
                ):
                    assert answer.json()["image"]["registry_username"] is None
        assert audit_log(service) == before
        assert has_password(worker.client.get(f"/v1/docker/{image['pk']}?credentials=true"))
    refused(service.staff.post("/v1/nodes/list?credentials=false"), 422)


def test_no_answer_at_all_has_a_password_without_an_entry(service: Service, image: Body) -> None:
    """Every operation that can be asked without a body, as staff, as a worker and as a user: what is new is asked too."""
    entries = 0
    with joined(service) as worker:
        document = service.anonymous.get("/openapi.json").json()
        for path, methods in document["paths"].items():
            for method in [method for method in methods if method == "get" or path.endswith("/list")]:
                place = re.sub(r"{[^}]*}", str(worker.nodes[0] if "/nodes/{pk}" in path else image["pk"]), path)
                for client in (service.staff, worker.client, service.user):
                    for query in ("", "?secrets=true", "?format=kubernetes"):
                        before = audit_log(service, limit=1000)
                        answer = client.request(method, place + query)
                        after = audit_log(service, limit=1000)
                        assert has_password(answer) == (after != before), (method, path, query)
                        entries += after != before
    assert entries >= 10


def test_many_images_are_few_ranges(service: Service) -> None:
    made = [service.make("docker", **(LOGIN if number != 3 else {}))["pk"] for number in range(7)]
    service.staff.post("/v1/docker/list").raise_for_status()
    entry = audit_log(service)[0]
    assert (entry["passwords"], entry["images"]) == (6, [[made[0], made[2]], [made[4], made[6]]])


def test_answers_at_once_share_transactions(service: Service, image: Body) -> None:
    at_once = 60
    headers = {"Authorization": f"Bearer {service.tokens['staff']}"}

    async def ask() -> list[int]:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(service.app), base_url="http://bayplan.test", headers=headers
        ) as client:
            answers = await asyncio.gather(*(client.get(f"/v1/docker/{image['pk']}") for _ in range(at_once)))
        return [answer.status_code for answer in answers]

    with counted() as statements:
        assert service.loop.run(ask()) == [200] * at_once
    loaded, _ = audit_log(service)
    assert (loaded["action"], loaded["times"]) == ("load", at_once)
    assert len([text for text in statements if text.startswith(("INSERT INTO audit ", "UPDATE audit "))]) < at_once / 3


def test_the_same_answer_again_is_counted_and_another_one_is_an_entry_of_its_own(service: Service, image: Body) -> None:
    path = f"/v1/docker/{image['pk']}"
    for _ in range(3):
        service.staff.get(path).raise_for_status()
    with service.client(service.tokens["staff"], "192.0.2.9") as elsewhere:
        elsewhere.get(path).raise_for_status()
    service.staff.post("/v1/docker/list").raise_for_status()
    other = service.make("docker", **LOGIN)
    service.staff.get(f"/v1/docker/{other['pk']}").raise_for_status()
    service.staff.get(path).raise_for_status()
    entries = audit_log(service)
    assert [(entry["action"], entry["address"], entry["times"]) for entry in entries] == [
        ("load", "127.0.0.1", 1),
        ("create", "127.0.0.1", 1),
        ("list", "127.0.0.1", 1),
        ("load", "192.0.2.9", 1),
        ("load", "127.0.0.1", 4),
        ("create", "127.0.0.1", 1),
    ]
    assert entries[4]["last"] > entries[0]["at"] > entries[4]["at"]
    assert audit_log(service, since=entries[4]["last"]) == [entries[4]], "by the last time, in the place of the first"


def test_who_changes_an_image_again_and_again_is_entered_each_time(service: Service, image: Body) -> None:
    for cpu in (True, False, True):
        service.staff.patch(f"/v1/docker/{image['pk']}", json={"cpu": cpu}).raise_for_status()
    assert [(entry["action"], entry["times"]) for entry in audit_log(service)] == [("change", 1)] * 3 + [("create", 1)]


def asked_in_a_thread(client: httpx2.Client, path: str) -> tuple[threading.Thread, list[httpx2.Response]]:
    answers: list[httpx2.Response] = []
    thread = threading.Thread(target=lambda: answers.append(client.get(path)))
    thread.start()
    return thread, answers


def test_no_password_leaves_where_the_audit_log_cannot_be_written(service: Service, image: Body) -> None:
    path = f"/v1/docker/{image['pk']}"
    url = service.settings.database_url
    if service.kind == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")  # for longer than anybody waits
            answer = service.staff.get(path)
            other.execute("ROLLBACK")
        other.close()
    else:
        with psycopg.connect(url, autocommit=True) as watcher, psycopg.connect(url) as blocker:
            blocker.execute("LOCK TABLE audit")
            thread, answers = asked_in_a_thread(service.staff, path)
            blocked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (rows := watcher.execute(blocked).fetchall()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not answers, "the answer waits for the audit log"
            for (pid,) in rows:
                watcher.execute("SELECT pg_terminate_backend(%s)", [pid])
            thread.join(PATIENCE_SECONDS)
            (answer,) = answers
    refused(answer, 503, code="database_unavailable")
    assert not has_password(answer)
    assert has_password(service.staff.get(path)), "and then it does again"
    assert len(audit_log(service)) == 2
