"""How machines get into the catalogue: join tokens, joining, joining again, and reporting what has changed."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from bayplan.db.engines import open_database
from bayplan.server.auth import accounts
from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.joining import join, join_token, joined, obtain

PATIENCE_SECONDS = 20.0


def test_a_join_token_is_shown_once_and_says_how_long_it_is_good(service: Service) -> None:
    answer = service.staff.post("/v1/nodes/join-tokens", json={"expires_in": 3600, "uses": 100})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    remaining = datetime.fromisoformat(timestamp(made["expires"])) - datetime.now(UTC)
    assert 3500 < remaining.total_seconds() <= 3600
    listed = service.staff.post("/v1/nodes/join-tokens/list")
    assert made["token"] not in listed.text
    assert [(token["pk"], token["uses"], token["uses_left"], token["expires"]) for token in listed.json()] == [
        (made["pk"], 100, 100, made["expires"])
    ]
    assert listed.json()[0]["last_used"] is None


def test_a_join_token_is_good_for_one_machine_and_an_hour_unless_more_is_asked_for(service: Service) -> None:
    service.staff.post("/v1/nodes/join-tokens", json={})
    (only,) = service.staff.post("/v1/nodes/join-tokens/list", json={}).json()
    assert only["uses"] == 1
    lifetime = datetime.fromisoformat(only["expires"]) - datetime.fromisoformat(only["created"])
    assert lifetime.total_seconds() == 3600


@pytest.mark.parametrize(
    ("body", "field"),
    [({"uses": 0}, "uses"), ({"expires_in": 0}, "expires_in"), ({"expires_in": 10**9}, "expires_in"), ({"x": 1}, "x")],
)
def test_a_join_token_has_bounds(shared: Service, body: dict[str, Any], field: str) -> None:
    refused(shared.staff.post("/v1/nodes/join-tokens", json=body), 422, field=field)


def test_join_tokens_are_for_staff(service: Service) -> None:
    join_token(service)
    for client, status in ((service.user, 403), (service.anonymous, 401)):
        refused(client.post("/v1/nodes/join-tokens", json={}), status)
        refused(client.post("/v1/nodes/join-tokens/list"), status)
        refused(client.delete("/v1/nodes/join-tokens/1"), status)


def test_every_gpu_becomes_a_node(service: Service) -> None:
    body = catalogue.machine(2)
    answer = join(service, body)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    response = answer.json()
    assert set(response) == {"worker", "secret", "nodes"}
    assert [node["index"] for node in response["nodes"]] == [0, 1]
    for node, gpu in zip(response["nodes"], body["gpus"], strict=True):
        assert node.items() >= gpu.items()
        assert (
            node.items() >= {name: body[name] for name in ("ip", "architecture", "cpu_mem", "driver_version")}.items()
        )
        assert service.staff.get(f"/v1/nodes/{node['pk']}").json() == node
        timestamp(node["last_seen"])
        generation = service.staff.get(f"/v1/hardware/{node['hardware_generation']}").json()
        assert generation["generation"] == "Ampere"


def test_a_machine_without_a_gpu_is_one_node_without_driver(service: Service) -> None:
    response = join(service, catalogue.machine(0, driver_version="535.104.05")).json()
    (node,) = response["nodes"]
    assert node["index"] == 0
    assert [node[name] for name in ("driver_version", "gpu_name", "gpu_mem", "compute_capability")] == [None] * 4


def test_the_same_machine_joining_again_gets_its_old_nodes_updated(service: Service) -> None:
    with joined(service) as first:
        body = first.body | {"driver_version": "570.86.10"}
        body["gpus"][1] = body["gpus"][1] | {"compute_capability": "9.0", "gpu_name": "NVIDIA H100 PCIe"}
        again = join(service, body).json()
        assert again["worker"] == first.answer["worker"]
        assert [node["pk"] for node in again["nodes"]] == first.nodes
        assert {node["driver_version"] for node in again["nodes"]} == {"570.86.10"}
        generation = service.staff.get(f"/v1/hardware/{again['nodes'][1]['hardware_generation']}").json()
        assert generation["generation"] == "Hopper"
        assert again["secret"] != first.answer["secret"]
        refused(first.client.get("/v1/nodes/ping", headers=first.as_node()), 401)
        refused(obtain(service, again["worker"], first.answer["secret"]), 401, code="wrong_credentials")
        assert obtain(service, again["worker"], again["secret"]).status_code == 200


def test_the_nodes_of_gpus_that_are_gone_are_removed(service: Service) -> None:
    with joined(service, 3) as first:
        body = first.body | {"gpus": [first.body["gpus"][0], first.body["gpus"][2]]}
        again = join(service, body).json()
        assert [node["pk"] for node in again["nodes"]] == [first.nodes[0], first.nodes[2]]
        refused(service.staff.get(f"/v1/nodes/{first.nodes[1]}"), 404)


def test_a_gpu_that_does_not_answer_when_its_machine_joins_keeps_its_node(service: Service) -> None:
    staffs = service.make("nodes")
    body = catalogue.machine(2, ip=staffs["ip"])
    second_alone = {**body, "gpus": body["gpus"][1:], "fault": "GPU 0 does not answer (GPU is lost)"}
    first, again = join(service, second_alone).json(), join(service, second_alone).json()
    assert [node["pk"] for node in first["nodes"]] == [node["pk"] for node in again["nodes"]]
    assert service.staff.get(f"/v1/nodes/{staffs['pk']}").status_code == 200
    access = obtain(service, again["worker"], again["secret"]).json()["access"]
    with service.client(access) as client:
        whole = client.post("/v1/nodes/join", json=body).json()
    assert [node["pk"] for node in whole["nodes"]] == [staffs["pk"], first["nodes"][0]["pk"]]


def test_nodes_that_staff_made_for_the_machine_become_its_own(service: Service) -> None:
    made = service.make("nodes", runtime_mode="cdi", driver_version="525.60.13", compute_capability=None)
    response = join(service, catalogue.machine(2, ip=made["ip"])).json()
    assert response["nodes"][0]["pk"] == made["pk"]
    assert response["nodes"][0]["driver_version"] == "535.104.05"
    assert response["nodes"][0]["runtime_mode"] == "cdi", "what only staff say stays"


def test_an_unknown_compute_capability_takes_the_generation_along(service: Service) -> None:
    with joined(service, 1) as first:
        body = first.body | {"gpus": [{"index": 0, "gpu_name": "NVIDIA Something New"}]}
        (node,) = join(service, body).json()["nodes"]
        assert node["compute_capability"] is None
        assert node["hardware_generation"] is None


def test_a_worker_reports_by_its_own_token(service: Service) -> None:
    with joined(service, 1) as worker:
        body = worker.body | {"driver_version": "570.86.10", "gpus": [worker.body["gpus"][0] | {"index": 0}]}
        body["gpus"].append({"index": 1, "gpu_name": "Tesla T4", "compute_capability": "7.5"})
        answer = worker.client.post("/v1/nodes/join", json=body)
        assert answer.status_code == 200, answer.text
        response = answer.json()
        assert (response["worker"], response["secret"]) == (worker.answer["worker"], None)
        assert response["nodes"][0]["pk"] == worker.nodes[0]
        assert [node["gpu_name"] for node in response["nodes"]] == ["NVIDIA RTX A6000", "Tesla T4"]
        second = {"Node-Id": str(response["nodes"][1]["pk"])}
        assert worker.client.get("/v1/nodes/ping", headers=second).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gpus": [{"index": 0}, {"index": 0}]}, "gpus"),
        ({"gpus": [{"index": -1}]}, "gpus.0.index"),
        ({"gpus": [{"index": 0, "compute_capability": "new"}]}, "gpus.0.compute_capability"),
        ({"driver_version": "the newest"}, "driver_version"),
        ({"ip": "not an address"}, "ip"),
        ({"secret": "mine"}, "secret"),
        ({"gpus": None}, "gpus"),
        ({"fault": ""}, "fault"),
        ({"fault": "two\nlines"}, "fault"),
        ({"fault": "x" * 1001}, "fault"),
    ],
)
def test_a_wrong_report_is_refused_by_field_and_uses_nothing_up(
    service: Service, changes: dict[str, Any], field: str
) -> None:
    token = join_token(service)
    refused(join(service, catalogue.machine() | changes, token), 422, field=field)
    assert join(service, catalogue.machine(), token).status_code == 201


def test_a_fault_of_the_probe_is_listed_until_it_is_gone(service: Service) -> None:
    with joined(service) as worker:
        for fault in (None, "GPU 1 does not answer (GPU is lost)", "Driver Not Loaded", None):
            body = worker.body | ({} if fault is None else {"fault": fault})
            worker.client.post("/v1/nodes/join", json=body).raise_for_status()
            (entry,) = service.staff.post("/v1/nodes/workers/list").json()
            assert (entry.get("fault"), entry["nodes"]) == (fault, worker.nodes)


def test_a_join_token_is_used_so_often_and_no_more(service: Service) -> None:
    token = join_token(service, uses=2)
    machines = [catalogue.machine() for _ in range(3)]
    assert [join(service, machine, token).status_code for machine in machines] == [201, 201, 401]
    assert "no uses left" in join(service, machines[2], token).json()["detail"]
    (listed,) = service.staff.post("/v1/nodes/join-tokens/list").json()
    assert (listed["uses_left"], listed["creator_name"]) == (0, "admin")
    assert listed["created"] < listed["last_used"] < listed["expires"]


def test_many_machines_at_once_use_a_join_token_no_more_often(service: Service) -> None:
    token = join_token(service, uses=3)
    machines = [catalogue.machine(1) for _ in range(12)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda machine: join(service, machine, token), machines))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [401] * 9
    assert service.staff.post("/v1/nodes/join-tokens/list").json()[0]["uses_left"] == 0
    assert len(service.staff.post("/v1/nodes/workers/list").json()) == 3


def test_one_machine_that_joins_many_times_at_once_has_each_node_once(service: Service) -> None:
    token, body = join_token(service, uses=8), catalogue.machine(2)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: join(service, body, token), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({tuple(node["pk"] for node in answer.json()["nodes"]) for answer in answers}) == 1
    (worker,) = service.staff.post("/v1/nodes/workers/list").json()
    good = [obtain(service, worker["worker"], answer.json()["secret"]).status_code for answer in answers]
    assert sorted(good) == [200] + [401] * 7


def test_a_join_token_expires(service: Service) -> None:
    token = join_token(service, expires_in=1)
    deadline = datetime.fromisoformat(service.staff.post("/v1/nodes/join-tokens/list").json()[0]["expires"])
    while datetime.now(UTC) <= deadline:
        service.anonymous.get("/healthz")
    assert "has expired" in refused(join(service, catalogue.machine(), token), 401)["detail"]
    join_token(service)
    assert len(service.staff.post("/v1/nodes/join-tokens/list").json()) == 1, "the old one is forgotten"


def test_a_join_token_taken_back_is_401(service: Service) -> None:
    token = join_token(service)
    (listed,) = service.staff.post("/v1/nodes/join-tokens/list").json()
    assert service.staff.delete(f"/v1/nodes/join-tokens/{listed['pk']}").status_code == 204
    refused(join(service, catalogue.machine(), token), 401)
    refused(service.staff.delete(f"/v1/nodes/join-tokens/{listed['pk']}"), 404)


def test_joining_takes_a_join_token(shared: Service) -> None:
    body = catalogue.machine()
    refused(shared.anonymous.post("/v1/nodes/join", json=body), 401)
    refused(join(shared, body, "join_nonsense"), 401)
    refused(join(shared, body, "nonsense"), 401)
    assert "join token" in refused(shared.staff.post("/v1/nodes/join", json=body), 403)["detail"]
    refused(shared.user.post("/v1/nodes/join", json=body), 403)


def test_a_join_token_is_good_for_nothing_else(service: Service) -> None:
    with service.client(join_token(service)) as client:
        for method, path in (("POST", "/v1/docker/list"), ("GET", "/v1/nodes/ping"), ("POST", "/v1/nodes/list")):
            refused(client.request(method, path), 401)


def test_a_report_and_heartbeats_at_once_wait_for_each_other_and_not_in_a_circle(service: Service) -> None:
    if service.kind == "sqlite":
        pytest.skip("one writer at a time")
    with joined(service, 1) as worker, psycopg.connect(service.settings.database_url) as holder:
        gpu = worker.body["gpus"][0]
        # The keys of its nodes go down as their indices go up.
        worker.client.post("/v1/nodes/join", json=worker.body | {"gpus": [gpu | {"index": 5}]}).raise_for_status()
        body = worker.body | {"gpus": [gpu | {"index": index} for index in (1, 5)]}
        nodes = worker.client.post("/v1/nodes/join", json=body).raise_for_status().json()["nodes"]
        low, high = sorted(node["pk"] for node in nodes)
        assert nodes[0]["pk"] == high

        def waits(count: int) -> None:
            deadline = time.monotonic() + PATIENCE_SECONDS
            statement = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
            while holder.execute(statement).fetchone() != (count,):
                assert time.monotonic() < deadline
                time.sleep(0.02)

        async def heartbeats() -> None:
            db = open_database(service.settings.database_url)
            await accounts.set_last_seen(db, [low, high], "2026-01-01T00:00:00.000000Z")
            await db.close()

        def report() -> int:
            return worker.client.post("/v1/nodes/join", json=body | {"driver_version": "550.54.15"}).status_code

        holder.execute("SELECT FROM nodes WHERE pk = %s FOR UPDATE", (low,))
        with ThreadPoolExecutor(2) as threads:
            beats = threads.submit(service.loop.run, heartbeats())
            waits(1)
            reported = threads.submit(report)
            waits(2)
            holder.commit()
            beats.result()
            assert reported.result() == 200
