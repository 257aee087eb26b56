"""Names and addresses of machines come in one form wherever they enter, and are found by every spelling of it."""

from itertools import product
from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.joining import join, joined

COMPOSED, DECOMPOSED = "\xf1andu", "n\u0303andu"
NAMED = {
    "docker": "name",
    "frameworks": "name",
    "hardware": "generation",
    "licences": "name",
    "users": "username",
    "prefetch": "name",
}
ADDRESS, SPELLINGS = "box3.example.org", ("BOX3.example.org", "box3.example.org.", " box3.EXAMPLE.org ")


def listed(service: Service, resource: str, *expressions: dict[str, Any]) -> list[int]:
    answer = service.staff.post(f"/v1/{resource}/list", json={"expressions": list(expressions)})
    assert answer.status_code == 200, answer.text
    return [item["pk"] for item in answer.json()]


@pytest.mark.parametrize(("resource", "field"), NAMED.items())
def test_a_name_in_two_unicode_forms_is_one_name(shared: Service, resource: str, field: str) -> None:
    staff, bodies = shared.staff, catalogue.BODIES[resource]
    made = shared.make(resource, **{field: DECOMPOSED})
    assert made[field] == COMPOSED
    fixed = {"version": made["version"]} if "version" in made else {}
    refused(staff.post(f"/v1/{resource}/create", json=bodies(**{field: COMPOSED}, **fixed)), 409, code="duplicate")
    other = shared.make(resource, **fixed)
    refused(staff.patch(f"/v1/{resource}/{other['pk']}", json={field: DECOMPOSED}), 409, code="duplicate")
    for text in (COMPOSED, DECOMPOSED, f"{DECOMPOSED} "):
        assert listed(shared, resource, {"type": "exact", "field": field, "value": text}) == [made["pk"]]
    upper = {"type": "exact", "field": field, "value": DECOMPOSED.upper(), "case_insensitive": True}
    assert listed(shared, resource, upper) == [made["pk"]]
    for part in (COMPOSED[:2], DECOMPOSED[:3]):
        assert listed(shared, resource, {"type": "contains", "field": field, "sub_string": part}) == [made["pk"]]


@pytest.mark.parametrize(("resource", "field"), NAMED.items())
def test_names_that_look_alike_are_refused(shared: Service, resource: str, field: str) -> None:
    made, bodies = shared.make(resource), catalogue.BODIES[resource]
    for text, code in (
        (" x", "outer_space"),
        ("x ", "outer_space"),
        ("x\u200b", "not_printable"),
        ("x\u3164", "invisible_character"),
    ):
        refused(shared.staff.post(f"/v1/{resource}/create", json=bodies(**{field: text})), 422, code=code, field=field)
        refused(shared.staff.patch(f"/v1/{resource}/{made['pk']}", json={field: text}), 422, code=code, field=field)


def test_references_and_log_ins_take_either_form(shared: Service) -> None:
    framework = shared.make("frameworks", name="Pe\u0301pin", version="1")
    image = shared.make("docker", framework="P\xe9pin 1")
    assert image["framework"] == framework["pk"] == shared.make("docker", framework="Pe\u0301pin 1")["framework"]
    assert image["pk"] in listed(shared, "docker", {"type": "exact", "field": "framework", "value": "Pe\u0301pin 1"})
    user = shared.make("users", username="andre\u0301", password="a long pa\u0300ssword")
    assert user["username"] == "andr\xe9"
    for name, password in product(("andr\xe9", "andre\u0301"), ("a long p\xe0ssword", "a long pa\u0300ssword")):
        body = {"username": name, "password": password}
        assert shared.anonymous.post("/v1/auth/obtain", json=body).status_code == 200


def test_spellings_of_an_address_are_one_node(service: Service) -> None:
    node = service.make("nodes", ip=SPELLINGS[0])
    assert node["ip"] == ADDRESS
    other = service.make("nodes")
    for spelling in (ADDRESS, *SPELLINGS):
        body = catalogue.node(ip=spelling)
        refused(service.staff.post("/v1/nodes/create", json=body), 409, code="duplicate")
        refused(service.staff.put(f"/v1/nodes/{other['pk']}", json=body), 409, code="duplicate")
        refused(service.staff.patch(f"/v1/nodes/{other['pk']}", json={"ip": spelling}), 409, code="duplicate")
        assert listed(service, "nodes", {"type": "exact", "field": "ip", "value": spelling}) == [node["pk"]]
        plan = service.staff.post("/v1/catalogue/apply", json={"nodes": [{"ip": spelling}]}).json()
        assert (plan["changes"], plan["unchanged"]) == ([], 1)
    assert listed(service, "nodes", {"type": "contains", "field": "ip", "sub_string": "BOX3.Ex"}) == [node["pk"]]
    twice = {"nodes": [{"ip": spelling} for spelling in SPELLINGS[:2]]}
    refused(service.staff.post("/v1/catalogue/apply", json=twice), 422, code="duplicate")
    for text in ("192.0.2.01", "127.1", "a b", "fe80::1%"):
        refused(service.staff.post("/v1/nodes/create", json=catalogue.node(ip=text)), 422, field="ip")


def test_a_machine_joins_and_reports_under_any_spelling(service: Service) -> None:
    node = service.make("nodes", ip="2001:DB8:0:0::7")
    body = catalogue.machine(1, ip="2001:db8::7")
    first = join(service, body).json()
    assert [node["pk"] for node in first["nodes"]] == [node["pk"]]
    again = join(service, body | {"ip": "[2001:db8:0::0:7]"}).json()
    assert (again["worker"], again["nodes"][0]["pk"]) == (first["worker"], node["pk"])
    with joined(service, ip="Box9.example.org") as worker:
        assert worker.body["ip"] != ADDRESS
        pk = worker.nodes[0]
        assert service.staff.get(f"/v1/nodes/{pk}").json()["ip"] == "box9.example.org"
        reported = worker.client.post("/v1/nodes/join", json=worker.body | {"ip": "box9.EXAMPLE.org."}).json()
        assert reported["nodes"][0]["pk"] == pk
        own = worker.client.patch(f"/v1/nodes/{pk}", json={"ip": "BOX9.example.org", "cpu_mem": 5})
        assert own.status_code == 200, "its own address in another spelling is no change"
