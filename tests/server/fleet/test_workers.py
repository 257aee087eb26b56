"""What a worker may do with its own credential, for its own nodes, and what nobody gets from it."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from bayplan.db.database import fetch_all
from bayplan.db.engines import open_database
from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.joining import Joined, join, join_token, joined, obtain

LOGIN = {"registry_username": "robot", "registry_password": "s3cret"}


@pytest.fixture
def worker(service: Service) -> Iterator[Joined]:
    """A machine with two GPUs that has joined."""
    with joined(service) as member:
        yield member


def test_a_worker_pings_for_its_nodes(service: Service, worker: Joined) -> None:
    for index, pk in enumerate(worker.nodes):
        before = service.staff.get(f"/v1/nodes/{pk}").json()["last_seen"]
        assert worker.client.get("/v1/nodes/ping", headers=worker.as_node(index)).json()["node"] == pk
        assert timestamp(service.staff.get(f"/v1/nodes/{pk}").json()["last_seen"]) > before


def test_a_ping_says_for_which_node(worker: Joined) -> None:
    refused(worker.client.get("/v1/nodes/ping"), 400, code="unknown_node")
    refused(worker.client.get("/v1/nodes/ping", headers={"Node-Id": "999999"}), 400, code="unknown_node")


def test_a_worker_sees_the_credentials_that_it_needs(service: Service, worker: Joined) -> None:
    image = service.make("docker", **LOGIN)
    for headers in ({}, worker.as_node(1)):
        loaded = worker.client.get(f"/v1/docker/{image['pk']}", headers=headers).json()
        listed = worker.client.post("/v1/docker/list", headers=headers).json()[0]
        assert loaded.items() >= LOGIN.items()
        assert listed.items() >= LOGIN.items()
    matched = worker.client.post("/v1/docker/match", json={"node": worker.nodes[0]}).json()["matches"]
    assert [entry["image"]["registry_password"] for entry in matched] == ["s3cret"]
    verdicts = worker.client.get(f"/v1/nodes/{worker.nodes[1]}/images").json()["images"]
    assert [entry["image"]["registry_password"] for entry in verdicts] == ["s3cret"]


def test_a_worker_updates_its_nodes(service: Service, worker: Joined) -> None:
    path = f"/v1/nodes/{worker.nodes[0]}"
    loaded = worker.client.get(path)
    assert loaded.json() == service.staff.get(path).json()
    headers = {"If-Match": loaded.headers["etag"]}
    changed = worker.client.patch(path, json={"runtime_mode": "cdi", "toolkit_version": "1.17.0"}, headers=headers)
    assert changed.status_code == 200, changed.text
    assert service.staff.get(path).json()["runtime_mode"] == "cdi"
    refused(worker.client.patch(path, json={"cpu_mem": 1}, headers=headers), 412)
    whole = {name: value for name, value in changed.json().items() if name not in ("pk", "last_seen")}
    assert worker.client.put(path, json=whole | {"driver_version": "570.86.10"}).status_code == 200
    assert service.staff.get(path).json()["driver_version"] == "570.86.10"


@pytest.mark.parametrize("changes", [{"ip": "192.0.2.200"}, {"index": 7}])
def test_a_worker_does_not_move_its_nodes_to_where_another_may_come(
    service: Service, worker: Joined, changes: dict[str, Any]
) -> None:
    refused(worker.client.patch(f"/v1/nodes/{worker.nodes[0]}", json=changes), 403)
    body = catalogue.node(ip=worker.body["ip"]) | changes
    refused(worker.client.put(f"/v1/nodes/{worker.nodes[0]}", json=body), 403)
    assert service.staff.get(f"/v1/nodes/{worker.nodes[0]}").json()["ip"] == worker.body["ip"]


def test_other_nodes_are_none_of_its_business(service: Service, worker: Joined) -> None:
    staffs = service.make("nodes")
    with joined(service) as other:
        for pk in (staffs["pk"], other.nodes[0]):
            before = service.staff.get(f"/v1/nodes/{pk}").json()
            headers = {"Node-Id": str(pk)}
            refused(worker.client.get("/v1/nodes/ping", headers=headers), 403)
            refused(worker.client.post("/v1/docker/list", headers=headers), 403)
            refused(worker.client.get(f"/v1/nodes/{pk}"), 403)
            refused(worker.client.patch(f"/v1/nodes/{pk}", json={"cpu_mem": 1}), 403)
            refused(worker.client.put(f"/v1/nodes/{pk}", json=catalogue.node()), 403)
            refused(worker.client.get(f"/v1/nodes/{pk}/images"), 403)
            refused(worker.client.post("/v1/docker/match", json={"node": pk}), 403)
            assert service.staff.get(f"/v1/nodes/{pk}").json() == before
    refused(worker.client.get("/v1/nodes/999999"), 404)
    refused(worker.client.patch("/v1/nodes/999999", json={"cpu_mem": 1}), 404)
    refused(worker.client.post("/v1/docker/match", json={"node": 999999}), 422, code="unknown_reference")
    refused(worker.client.post("/v1/docker/match", json={"worker": {"driver_version": "535.104.05"}}), 403)


MAY = {
    ("POST", "/v1/docker/list"),
    ("GET", "/v1/docker/{pk}"),
    ("GET", "/v1/docker/{pk}/facts"),
    ("POST", "/v1/docker/match"),
    ("GET", "/v1/nodes/{pk}"),
    ("PUT", "/v1/nodes/{pk}"),
    ("PATCH", "/v1/nodes/{pk}"),
    ("GET", "/v1/nodes/{pk}/images"),
    ("GET", "/v1/nodes/ping"),
    ("POST", "/v1/nodes/join"),
    ("DELETE", "/v1/nodes/workers/{worker}"),
    ("POST", "/v1/docker/inspect"),
    ("GET", "/v1/docker/{pk}/inspection"),
    ("GET", "/v1/docker/{pk}/checks"),
    ("GET", "/v1/docker/{pk}/docker-config"),
    ("GET", "/v1/prefetch/wanted"),
    ("PUT", "/v1/prefetch/holdings"),
    ("GET", "/v1/scans/{digest}"),
    ("PUT", "/v1/scans/{digest}"),
}
"""All that the API lets a worker do."""


def test_a_worker_may_do_that_and_nothing_else(service: Service, worker: Joined) -> None:
    """Every operation that the API's own description has, asked for by a worker: 403 but for those in MAY."""
    image = service.make("docker")
    described = service.anonymous.get("/openapi.json").json()["paths"]
    operations = {
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if path.startswith("/v1/") and not path.startswith("/v1/auth/")
    }
    assert operations > MAY
    for method, path in operations - MAY:
        filled = path.replace("{pk}", str(image["pk"])).replace("{compute}", "8.6").replace("{worker}", "w-1")
        answer = worker.client.request(method, filled)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    assert service.staff.get(f"/v1/docker/{image['pk']}").json() == image


def test_a_worker_revoked_is_out_at_once(service: Service, worker: Joined) -> None:
    tokens = obtain(service, worker.answer["worker"], worker.answer["secret"]).json()
    assert worker.client.post("/v1/docker/list").status_code == 200
    assert service.staff.delete(f"/v1/nodes/workers/{worker.answer['worker']}").status_code == 204
    refused(worker.client.post("/v1/docker/list"), 401)
    refused(worker.client.get("/v1/nodes/ping", headers=worker.as_node()), 401)
    refused(service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens["refresh"]}), 401)
    refused(service.anonymous.post("/v1/auth/verify", json={"token": tokens["access"]}), 401)
    refused(obtain(service, worker.answer["worker"], worker.answer["secret"]), 401, code="wrong_credentials")
    refused(service.staff.delete(f"/v1/nodes/workers/{worker.answer['worker']}"), 404)
    again = join(service, worker.body).json()
    assert [node["pk"] for node in again["nodes"]] == worker.nodes, "its nodes had stayed"
    assert again["worker"] != worker.answer["worker"]


def test_a_worker_leaves_with_its_nodes(service: Service, worker: Joined) -> None:
    with joined(service) as other:
        refused(worker.client.delete(f"/v1/nodes/workers/{other.answer['worker']}"), 404)
        assert other.client.post("/v1/docker/list").status_code == 200
        answer = worker.client.delete(f"/v1/nodes/workers/{worker.answer['worker']}?nodes=true")
        assert answer.status_code == 204
        for pk in worker.nodes:
            refused(service.staff.get(f"/v1/nodes/{pk}"), 404)
        assert service.staff.get(f"/v1/nodes/{other.nodes[0]}").status_code == 200
    refused(worker.client.post("/v1/docker/list"), 401)


def test_only_staff_list_and_revoke_workers(service: Service, worker: Joined) -> None:
    (listed,) = service.staff.post("/v1/nodes/workers/list").json()
    assert timestamp(listed.pop("last_seen")) >= timestamp(listed.pop("joined"))
    seen = worker.client.get("/v1/nodes/ping", headers=worker.as_node()).json()["last_seen"]
    assert service.staff.post("/v1/nodes/workers/list").json()[0]["last_seen"] == seen
    assert listed == {"worker": worker.answer["worker"], "ip": worker.body["ip"], "nodes": worker.nodes}
    for client, status in ((service.user, 403), (service.anonymous, 401)):
        refused(client.post("/v1/nodes/workers/list"), status)
        refused(client.delete(f"/v1/nodes/workers/{worker.answer['worker']}"), status)


@pytest.mark.parametrize("name", ["w-1", "%00", "%ED%A0%80", "w%20x", "%F0%9F%92%A9", "x" * 3000])
def test_a_worker_that_there_is_not_cannot_be_revoked(shared: Service, name: str) -> None:
    refused(shared.staff.delete(f"/v1/nodes/workers/{name}"), 404)


def test_a_worker_gets_new_access_tokens(service: Service, worker: Joined) -> None:
    tokens = obtain(service, worker.answer["worker"], worker.answer["secret"])
    assert tokens.headers["cache-control"] == "no-store"
    renewed = service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens.json()["refresh"]}).json()
    with service.client(renewed["access"]) as client:
        assert client.get("/v1/nodes/ping", headers=worker.as_node()).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"secret": None}, "secret"), ({"worker": 7}, "worker"), ({"username": "admin"}, "username"), ({"x": 1}, "x")],
)
def test_a_workers_credential_is_read_strictly(
    service: Service, worker: Joined, changes: dict[str, Any], field: str
) -> None:
    body = {"worker": worker.answer["worker"], "secret": worker.answer["secret"]} | changes
    refused(service.anonymous.post("/v1/auth/obtain", json=body), 422, field=field)


def test_the_secret_of_another_worker_is_wrong(service: Service, worker: Joined) -> None:
    with joined(service) as other:
        refused(obtain(service, worker.answer["worker"], other.answer["secret"]), 401, code="wrong_credentials")


def test_a_node_removed_is_not_the_workers_any_more(service: Service, worker: Joined) -> None:
    assert service.staff.delete(f"/v1/nodes/{worker.nodes[0]}").status_code == 204
    refused(worker.client.get("/v1/nodes/ping", headers=worker.as_node(0)), 400, code="unknown_node")
    assert worker.client.get("/v1/nodes/ping", headers=worker.as_node(1)).status_code == 200


def test_no_secret_and_no_join_token_is_stored_in_clear(service: Service) -> None:
    token = join_token(service, uses=5)
    secret = join(service, catalogue.machine(), token).json()["secret"]

    async def everything() -> str:
        db = open_database(service.settings.database_url)
        try:
            rows: list[object] = []
            for table in ("workers", "join_tokens", "worker_nodes", "nodes"):
                rows += await fetch_all(db, sa.text(f"SELECT * FROM {table}"))
            return repr(rows)
        finally:
            await db.close()

    stored = service.loop.run(everything())
    assert "uses" not in stored
    assert len(stored) > 200
    assert secret not in stored
    assert token.removeprefix("join_") not in stored
