"""Worker nodes: what is found from what they report, their pings, and in whose name a request acts."""

from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service


@pytest.mark.parametrize(
    ("capability", "generation"),
    [("3.7", "Kepler"), ("8.6", "Ampere"), ("8.9", "Ada Lovelace"), ("10.0", "Blackwell"), ("12.0", "Blackwell")],
)
def test_the_generation_is_found_from_the_compute_capability(shared: Service, capability: str, generation: str) -> None:
    made = shared.make("nodes", compute_capability=capability)
    row = shared.staff.get(f"/v1/hardware/{made['hardware_generation']}").json()
    assert row["generation"].startswith(generation)


def test_the_generation_follows_a_new_compute_capability(service: Service) -> None:
    made = service.make("nodes", compute_capability="8.6")
    changed = service.staff.patch(f"/v1/nodes/{made['pk']}", json={"compute_capability": "9.0"}).json()
    row = service.staff.get(f"/v1/hardware/{changed['hardware_generation']}").json()
    assert row["generation"] == "Hopper"


def test_a_generation_alone_is_taken_as_it_is(shared: Service) -> None:
    made = shared.make("nodes", compute_capability=None, hardware_generation="Hopper")
    assert made["compute_capability"] is None
    assert shared.staff.get(f"/v1/hardware/{made['hardware_generation']}").json()["generation"] == "Hopper"


def test_a_machine_without_a_gpu_has_nulls(shared: Service) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("driver_version", "gpu_mem", "compute_capability", "gpu_name", "gpu_brand", "hardware_generation")
    )
    made = shared.make("nodes", **nothing)
    assert made.items() >= nothing.items()


def test_only_the_address_is_needed(shared: Service) -> None:
    answer = shared.staff.post("/v1/nodes/create", json={"ip": "gpu-box-7.example.com", "index": 0})
    assert answer.status_code == 201, answer.text
    assert answer.json()["ip"] == "gpu-box-7.example.com"


@pytest.mark.parametrize("ip", ["10.0.0.1", "gpu1", "gpu1.example.com", "2001:db8::1"])
def test_an_address_or_a_host_name_is_taken(shared: Service, ip: str) -> None:
    assert shared.make("nodes", ip=ip, index=3)["ip"] == ip


@pytest.mark.parametrize("field", ["pk", "last_seen"])
def test_what_is_the_servers_is_refused_in_a_body(shared: Service, field: str) -> None:
    body = catalogue.node() | {field: 1 if field == "pk" else "2024-01-01T00:00:00Z"}
    refused(shared.staff.post("/v1/nodes/create", json=body), 422, field=field)


def test_a_new_node_was_never_seen_and_a_ping_is_noted(service: Service) -> None:
    made = service.make("nodes")
    assert made["last_seen"] is None
    answer = service.staff.get("/v1/nodes/ping", headers={"Node-Id": str(made["pk"])})
    assert answer.status_code == 200
    last_seen = timestamp(service.staff.get(f"/v1/nodes/{made['pk']}").json()["last_seen"])
    service.staff.get("/v1/nodes/ping", headers={"Node-Id": str(made["pk"])})
    assert timestamp(service.staff.get(f"/v1/nodes/{made['pk']}").json()["last_seen"]) >= last_seen


def test_a_ping_leaves_the_other_nodes_alone(service: Service) -> None:
    first, second = service.make("nodes"), service.make("nodes")
    service.staff.get("/v1/nodes/ping", headers={"Node-Id": str(first["pk"])})
    assert service.staff.get(f"/v1/nodes/{second['pk']}").json() == second


UNKNOWN = ("999999", "0", "-1", "one", "1.5", "", " ", "1 OR 1=1", "99999999999999999999999", "1,2", "\xb2", "１")


@pytest.mark.parametrize("node", UNKNOWN)
def test_an_unknown_node_id_is_400(shared: Service, node: str) -> None:
    headers = {b"Node-Id": node.encode("latin-1", "replace")}
    refused(shared.staff.get("/v1/nodes/ping", headers=headers), 400)
    if node.strip():
        refused(shared.staff.post("/v1/docker/list", headers=headers), 400)


def test_a_ping_in_nobodys_name_is_refused(shared: Service) -> None:
    answer = shared.staff.get("/v1/nodes/ping")
    refused(answer, answer.status_code)
    assert answer.status_code in (400, 403)
    refused(shared.user.get("/v1/nodes/ping"), shared.user.get("/v1/nodes/ping").status_code)


def test_an_ordinary_user_cannot_act_for_a_node(service: Service) -> None:
    node = service.make("nodes")
    image = service.make("docker", registry_username="robot", registry_password="s3cret")
    headers = {"Node-Id": str(node["pk"])}
    refused(service.user.get("/v1/nodes/ping", headers=headers), 403, code="forbidden")
    loaded = service.user.get(f"/v1/docker/{image['pk']}", headers=headers)
    assert "s3cret" not in loaded.text
    refused(loaded, 403, code="forbidden")
    assert service.staff.get(f"/v1/nodes/{node['pk']}").json()["last_seen"] is None


def test_nobody_acts_for_a_node_without_credentials(service: Service) -> None:
    node = service.make("nodes")
    refused(service.anonymous.get("/v1/nodes/ping", headers={"Node-Id": str(node["pk"])}), 401)


def test_a_node_deleted_is_gone(service: Service) -> None:
    made = service.make("nodes")
    assert service.staff.delete(f"/v1/nodes/{made['pk']}").status_code == 204
    refused(service.staff.get(f"/v1/nodes/{made['pk']}"), 404)
    refused(service.staff.get("/v1/nodes/ping", headers={"Node-Id": str(made["pk"])}), 400)
    again = service.make("nodes", ip=made["ip"], index=made["index"])
    assert again["pk"] > made["pk"]


def test_expand_nests_the_generation(shared: Service) -> None:
    made = shared.make("nodes")
    expanded = shared.user.get(f"/v1/nodes/{made['pk']}?expand=hardware_generation").json()
    assert expanded["hardware_generation"]["generation"] == "Ampere"
