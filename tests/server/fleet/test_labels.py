"""Labels and host names of nodes: which are taken, who sets them, and how filters find them."""

from typing import Any

import pytest

from bayplan.domain.labels import MOST_LABELS
from tests.answers import refused
from tests.conftest import Service
from tests.joining import joined
from tests.server.http.expressions import Expression, any_of, compare, contains, exact, is_null

LONGEST_KEY = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}/{'e' * 63}"


def test_a_node_has_neither_until_they_are_entered(shared: Service) -> None:
    made = shared.make("nodes")
    assert (made["hostname"], made["labels"]) == (None, {})
    path = f"/v1/nodes/{made['pk']}"
    labels = {"zone": "a", "gpu.tier": "", LONGEST_KEY: "v" * 63}
    changed = shared.staff.patch(path, json={"labels": labels, "hostname": "GPU07.Example.org."}).json()
    assert (changed["hostname"], changed["labels"]) == ("gpu07.example.org", labels)
    assert shared.staff.get(path).json() == changed
    assert list(changed["labels"]) == sorted(labels)
    shared.staff.patch(path, json={"labels": None, "hostname": None})
    assert shared.staff.get(path).json() == shared.staff.patch(path, json={}).json() == made


def test_a_patch_sets_and_removes_labels_one_by_one_and_a_put_replaces_all(shared: Service) -> None:
    made = shared.make("nodes", labels={"zone": "a", "rack": "7"})
    path = f"/v1/nodes/{made['pk']}"
    for change, expected in (
        ({}, {"zone": "a", "rack": "7"}),
        ({"zone": "b", "gpu.tier": ""}, {"gpu.tier": "", "rack": "7", "zone": "b"}),
        ({"rack": None, "never": None}, {"gpu.tier": "", "zone": "b"}),
        ({"zone": None, "gpu.tier": None}, {}),
    ):
        assert shared.staff.patch(path, json={"labels": change}).json()["labels"] == expected
    assert shared.staff.post(
        "/v1/nodes/list", json={"expressions": [exact("pk", made["pk"]), is_null("labels")]}
    ).json()
    whole = {"ip": made["ip"], "index": made["index"]}
    assert shared.staff.put(path, json=whole | {"labels": {"zone": "c"}}).json()["labels"] == {"zone": "c"}
    many = {f"k{number}": "" for number in range(MOST_LABELS)}
    refused(shared.staff.patch(path, json={"labels": many}), 422, "too_many_labels", "labels")
    assert len(shared.staff.patch(path, json={"labels": many | {"zone": None}}).json()["labels"]) == MOST_LABELS
    assert shared.staff.put(path, json=whole).json()["labels"] == {}


def test_a_change_of_labels_is_in_the_history(shared: Service) -> None:
    made = shared.make("nodes", labels={"zone": "a"})
    shared.staff.patch(f"/v1/nodes/{made['pk']}", json={"labels": {"zone": "b"}})
    entry = shared.staff.get(f"/v1/history?resource=nodes&pk={made['pk']}").json()[0]
    assert entry["changes"] == {"labels": {"before": {"zone": "a"}, "after": {"zone": "b"}}}


@pytest.mark.parametrize(
    "key",
    ["", " ", "-a", "a-", "a b", "a=b", "a/b/c", "/a", "a/", "Example.org/a", "a..b/c", "é", "e" * 64, 'a"b', "a\0"],
)
def test_a_key_that_kubernetes_refuses_is_refused(shared: Service, key: str) -> None:
    refused(shared.staff.post("/v1/nodes/create", json=node({key: "a"})), 422, field="labels")
    refused(shared.staff.post("/v1/nodes/list", json={"expressions": [exact(f"labels.{key}", "a")]}), 422)


@pytest.mark.parametrize("value", [" ", "-a", "a.", "a b", "a/b", "ä", "v" * 64, 1, True, None, ["a"]])
def test_a_value_that_kubernetes_refuses_is_refused(shared: Service, value: object) -> None:
    refused(shared.staff.post("/v1/nodes/create", json=node({"zone": value})), 422)


def test_the_number_of_labels_is_bounded(shared: Service) -> None:
    labels = {f"k{number}": "" for number in range(MOST_LABELS + 1)}
    problem = refused(shared.staff.post("/v1/nodes/create", json=node(labels)), 422, "too_many_labels", "labels")
    assert f"{MOST_LABELS} labels at most" in problem["detail"]
    del labels["k0"]
    assert shared.staff.post("/v1/nodes/create", json=node(labels)).json()["labels"] == labels


@pytest.mark.parametrize("name", ["", " ", "a b", "a..b", ".a", "a/b", "x" * 64, "x." * 130, "a\n"])
def test_what_is_no_host_name_is_refused(shared: Service, name: str) -> None:
    refused(shared.staff.post("/v1/nodes/create", json=node({}) | {"hostname": name}), 422, field="hostname")


def node(labels: dict[Any, Any]) -> dict[str, object]:
    return {"ip": "10.9.8.7", "index": 9, "labels": labels}


A = {"zone": "a", "gpu.tier": "large", "example.org/rack": "7"}
B = {"zone": "b", "gpu.tier": ""}
FOUND: tuple[tuple[Expression, set[str]], ...] = (
    (exact("labels.zone", "a"), {"a"}),
    (exact("labels.zone", "A"), set()),
    (exact("labels.zone", "A", case_insensitive=True), {"a"}),
    (exact("labels.zone", "a", invert=True), {"b", "none"}),
    (exact("labels.gpu.tier", "large"), {"a"}),
    (exact("labels.gpu.tier", ""), {"b"}),
    (exact("labels.example.org/rack", "7"), {"a"}),
    (exact("labels.gpu", "large"), set()),
    (contains("labels.gpu.tier", "arg"), {"a"}),
    (is_null("labels.gpu.tier", invert=True), {"a", "b"}),
    (is_null("labels.example.org/rack"), {"b", "none"}),
    (is_null("labels"), {"none"}),
    (compare("labels.zone", ">", "a"), {"b"}),
    (any_of(exact("labels.zone", "a"), exact("labels.zone", "b")), {"a", "b"}),
    (exact("hostname", "HOST-A.Example.org"), {"a"}),
    (contains("hostname", "host-"), {"a", "b"}),
    (is_null("hostname"), {"none"}),
)


def test_filters_find_labels_and_host_names(shared: Service) -> None:
    made = {
        "a": shared.make("nodes", labels=A, hostname="host-a.example.org"),
        "b": shared.make("nodes", labels=B, hostname="host-b"),
        "none": shared.make("nodes"),
    }
    these = any_of(*(exact("pk", item["pk"]) for item in made.values()))
    for expression, expected in FOUND:
        listed = shared.staff.post("/v1/nodes/list", json={"expressions": [these, expression]})
        assert {item["pk"] for item in listed.json()} == {made[name]["pk"] for name in expected}, expression
    for ascending, expected_order in ((True, ["a", "b", "none"]), (False, ["b", "a", "none"])):
        order = [{"field": "labels.zone", "ascending": ascending}]
        body = {"expressions": [these], "order_by": order}
        listed = shared.staff.post("/v1/nodes/list", json=body)
        assert [item["pk"] for item in listed.json()] == [made[name]["pk"] for name in expected_order]
        first = shared.staff.post("/v1/nodes/list?limit=1", json=body)
        behind = shared.staff.post(first.links["next"]["url"], json=body)
        assert [item["pk"] for item in behind.json()] == [made[expected_order[1]]["pk"]]


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        (exact("labels", "a"), "field"),
        (contains("labels", "a"), "field"),
        (compare("labels", "<", "a"), "field"),
        (exact("labels.zone", 1), "value"),
        (exact("labels.", "a"), "field"),
        (exact("hostname.zone", "a"), "field"),
    ],
)
def test_a_filter_that_names_no_label_is_refused(shared: Service, expression: Expression, part: str) -> None:
    problem = refused(shared.staff.post("/v1/nodes/list", json={"expressions": [expression]}), 422)
    assert problem["errors"][0]["field"] == f"expressions.0.{part}"


def test_labels_are_no_order(shared: Service) -> None:
    refused(shared.staff.post("/v1/nodes/list", json={"order_by": [{"field": "labels"}]}), 422, "not_ordered")


def test_a_machine_reports_its_host_name_and_keeps_off_labels(service: Service) -> None:
    with joined(service, hostname="Gpu07") as machine:
        pk = machine.nodes[0]
        path = f"/v1/nodes/{pk}"
        service.staff.patch(path, json={"labels": A, "hostname": "typed"})
        assert [service.staff.get(f"/v1/nodes/{each}").json()["hostname"] for each in machine.nodes] == [
            "typed",
            "gpu07",
        ]
        own = machine.client.get(path).json()
        assert own["labels"] == A
        refused(machine.client.patch(path, json={"labels": B}), 403, code="forbidden")
        whole = {name: own[name] for name in ("ip", "index", "driver_version", "gpu_name")}
        assert machine.client.put(path, json=whole).json()["labels"] == A
        assert machine.client.put(path, json=whole | {"labels": A, "hostname": "gpu08"}).json()["hostname"] == "gpu08"


def test_rules_choose_nodes_by_labels(service: Service) -> None:
    image = service.make("docker")
    labelled, other = service.make("nodes", labels=A), service.make("nodes", labels=B)
    rule = {"name": "zone a", "nodes": {"expressions": [exact("labels.zone", "a")]}, "images": {}}
    assert service.staff.post("/v1/prefetch/create", json=rule).status_code == 201
    for node_, expected in ((labelled, True), (other, False)):
        holdings = service.staff.get(f"/v1/nodes/{node_['pk']}/holdings").json()
        assert image["pk"] in [entry["image"] for entry in holdings["images"]] or not expected, holdings
        assert bool(holdings["images"]) is expected
