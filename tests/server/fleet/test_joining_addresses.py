"""From which address a machine may join: a living worker keeps its own, and a silent or revoked one does not."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engines import open_database
from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.joining import join, join_token, joined

ELSEWHERE = "192.0.2.200"


def silence(service: Service, pks: list[int]) -> None:
    """Makes nodes ones that were last heard of six minutes ago."""
    then = (datetime.now(UTC) - timedelta(minutes=6)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def write() -> None:
        db = open_database(service.settings.database_url)
        try:
            async with db.write(moves=False) as tx:
                nodes = tables.nodes
                await tx.execute(sa.update(nodes).where(nodes.c.pk.in_(pks)).values(last_seen=then))
        finally:
            await db.close()

    service.loop.run(write())


def test_a_machine_that_moves_to_another_address_keeps_its_nodes(service: Service) -> None:
    with joined(service) as worker:
        new = catalogue.machine()["ip"]
        response = worker.client.post("/v1/nodes/join", json=worker.body | {"ip": new}).json()
        assert [(node["pk"], node["ip"]) for node in response["nodes"]] == [(pk, new) for pk in worker.nodes]
        again = join(service, worker.body | {"ip": new}).json()
        assert again["worker"] == worker.answer["worker"]


def test_a_worker_cannot_take_the_address_of_others(service: Service) -> None:
    staffs = service.make("nodes")
    with joined(service) as worker, joined(service) as other:
        for ip in (staffs["ip"], other.body["ip"]):
            refused(worker.client.post("/v1/nodes/join", json=worker.body | {"ip": ip}), 409, code="duplicate")
        for pk in worker.nodes:
            assert service.staff.get(f"/v1/nodes/{pk}").json()["ip"] == worker.body["ip"]
        assert other.client.get("/v1/nodes/ping", headers=other.as_node()).status_code == 200


def test_a_node_that_staff_moved_to_the_address_of_another_machine_is_in_its_way(service: Service) -> None:
    with joined(service, 1) as worker:
        new = catalogue.machine(1)
        service.staff.patch(f"/v1/nodes/{worker.nodes[0]}", json={"ip": new["ip"]})
        refused(join(service, new), 409, code="duplicate")


def test_the_address_of_a_living_worker_is_not_for_a_machine_elsewhere(service: Service) -> None:
    token = join_token(service, uses=2)
    with joined(service) as first:
        before = [service.staff.get(f"/v1/nodes/{pk}").json() for pk in first.nodes]
        problem = refused(join(service, first.body, token, ELSEWHERE), 409, code="worker_alive")
        assert first.answer["worker"] in problem["detail"]
        assert first.client.get("/v1/nodes/ping", headers=first.as_node()).status_code == 200
        after = [service.staff.get(f"/v1/nodes/{pk}").json() for pk in first.nodes]
        assert [node | {"last_seen": None} for node in after] == [node | {"last_seen": None} for node in before]
        assert service.staff.post("/v1/nodes/join-tokens/list").json()[0]["uses_left"] == 2
        # From where it was, a machine that has lost its secret joins again.
        again = join(service, first.body, token).json()
        assert (again["worker"], [node["pk"] for node in again["nodes"]]) == (first.answer["worker"], first.nodes)


def test_one_heartbeat_is_enough_to_be_alive(service: Service) -> None:
    with joined(service) as first:
        silence(service, first.nodes)
        first.client.get("/v1/nodes/ping", headers=first.as_node(1))
        refused(join(service, first.body, address=ELSEWHERE), 409, code="worker_alive")


def test_the_address_of_a_silent_worker_may_be_joined_from_elsewhere(service: Service) -> None:
    with joined(service) as first:
        silence(service, first.nodes)
        again = join(service, first.body, address=ELSEWHERE).json()
        assert [node["pk"] for node in again["nodes"]] == first.nodes
        refused(join(service, first.body), 409, code="worker_alive")


def test_the_address_of_a_revoked_worker_may_be_joined_from_elsewhere(service: Service) -> None:
    with joined(service) as first:
        service.staff.delete(f"/v1/nodes/workers/{first.answer['worker']}")
        again = join(service, first.body, address=ELSEWHERE).json()
        assert [node["pk"] for node in again["nodes"]] == first.nodes


def test_a_machine_that_asks_from_the_very_address_is_the_machine(service: Service) -> None:
    with joined(service) as first:
        again = join(service, first.body, address=first.body["ip"])
        assert again.status_code == 201, again.text


def test_a_worker_that_reports_from_elsewhere_is_known_there(service: Service) -> None:
    with joined(service) as first:
        access = first.client.headers["authorization"].removeprefix("Bearer ")
        with service.client(access, ELSEWHERE) as moved:
            assert moved.post("/v1/nodes/join", json=first.body).status_code == 200
        refused(join(service, first.body), 409, code="worker_alive")
        assert join(service, first.body, address=ELSEWHERE).status_code == 201
