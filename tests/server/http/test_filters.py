"""The filter language, section 6 of the API: every type and its options; what is refused is in a file of its own."""

import time

import pytest

from tests import catalogue
from tests.conftest import Service
from tests.quick import quickest
from tests.server.http.conftest import A2, A, B, G, names
from tests.server.http.expressions import Expression, all_of, any_of, compare, contains, exact, is_null

FINDS: tuple[tuple[Expression, list[str]], ...] = (
    (exact("name", "alpha"), [A]),
    (exact("name", "ALPHA"), []),
    (exact("name", "ALPHA", case_insensitive=True), [A]),
    (exact("name", "alpha", case_insensitive=False), [A]),
    (exact("name", "alpha", invert=True), [A2, B, G]),
    (exact("name", "alpha", invert=False), [A]),
    (exact("cpu", True), [B, G]),
    (exact("cpu", False, invert=True), [B, G]),
    (exact("domain", "ic"), [G]),
    (exact("domain.name", "IC", case_insensitive=True), [G]),
    (exact("domain.description", "Object Detection"), [A, A2, B]),
    (exact("framework.name", "PyTorch"), [A, A2, G]),
    (exact("framework.version", "10.1"), [A2]),
    (exact("cuda_version.version", "12.4"), [B]),
    (exact("cuda_version.version", "12.4", invert=True), [A, A2, G]),
    (exact("cuda_version.full_version", "12.4.1"), [B]),
    (exact("creator.username", "admin"), [A, A2, B, G]),
    (exact("creator.username", "casey"), []),
    (exact("licence.permissions", "commercial-use"), [A, A2, B, G]),
    (exact("licence.permissions", "patent-use"), [B]),
    (exact("licence.permissions", "patent-use", invert=True), [A, A2, G]),
    (exact("min_hardware_generation.generation", "Pascal"), [A, A2, B]),
    (exact("tasks", "train"), [A, B, G]),
    (exact("tasks", "predict"), [A2, B, G]),
    (exact("tasks", "PREDICT", case_insensitive=True), [A2, B, G]),
    (exact("tasks", "PREDICT"), [A2, B, G]),
    (exact("tasks", "train", invert=True), [A2]),
    (exact("registry_username", "Robot"), [G]),
    (exact("registry_username", "Robot", invert=True), [A, A2, B]),
    (contains("name", "lpha"), [A, A2]),
    (contains("name", "Alpha"), [A2]),
    (contains("name", "ALPHA", case_insensitive=True), [A, A2]),
    (contains("name", "%"), [G]),
    (contains("name", "_"), [G]),
    (contains("name", "*"), []),
    (contains("name", "%", case_insensitive=True), [G]),
    (contains("name", "a", invert=True), []),
    (contains("name", "lpha", invert=True), [B, G]),
    (contains("registry_username", "bot"), [G]),
    (contains("registry_username", "bot", invert=True), [A, A2, B]),
    (contains("tasks", "rai"), [A, B, G]),
    (contains("cuda_version.version", "0.1", invert=True), [A, B, G]),
    ({"type": "contains", "field": "name", "value": "bet"}, [B]),
    (is_null("cuda_version"), [G]),
    (is_null("cuda_version", invert=True), [A, A2, B]),
    (is_null("cuda_version.version"), [G]),
    (is_null("registry_username"), [A, A2, B]),
    (is_null("deletion_time"), [A, A2, B, G]),
    (is_null("name"), []),
    ({"type": "isnull", "field": "cuda_version"}, [G]),
    (compare("cuda_version.version", ">=", "10.1"), [A2, B]),
    (compare("cuda_version.version", "<", "10.1"), [A]),
    (compare("cuda_version.version", "<=", "9.2"), [A]),
    (compare("cuda_version.version", ">", "9.2"), [A2, B]),
    (compare("cuda_version.version", ">", "9.2", invert=True), [A, G]),
    (compare("cuda_version.full_version", ">", "12.4"), [B]),
    (compare("framework.version", ">", "9.2"), [A2]),
    (compare("framework.version", "<", "9.10"), [A, B, G]),
    (compare("cuda_version.min_driver_version", ">=", "418.39"), [A2, B]),
    (compare("name", ">", "Z"), [A, B, G]),
    (compare("min_hardware_generation.min_compute_capability", ">=", 6.0), [A, A2, B]),
    (compare("min_hardware_generation.min_compute_capability", ">", 6), []),
    (compare("creation_time", ">", "2020-01-01T00:00:00Z"), [A, A2, B, G]),
    (compare("creation_time", ">", "2120-01-01T00:00:00Z"), []),
    (compare("creation_time", ">", "0999-12-31T23:00:00+01:00"), [A, A2, B, G]),
    (all_of(exact("tasks", "train"), exact("tasks", "predict")), [B, G]),
    (all_of(exact("tasks", "train"), exact("tasks", "predict"), invert=True), [A, A2]),
    (any_of(exact("name", "alpha"), exact("domain", "ic")), [A, G]),
    (any_of(exact("cuda_version.version", "9.2"), exact("name", "beta"), invert=True), [A2, G]),
    (all_of(any_of(exact("name", "alpha"), exact("name", "beta")), exact("cpu", True)), [B]),
    (any_of(all_of(exact("name", "alpha"))), [A]),
    (exact("framework.name", "PyTorch", invert=True), [B]),
)


@pytest.mark.parametrize(("expression", "expected"), FINDS, ids=str)
def test_an_expression_finds_what_it_says(stocked: Service, expression: Expression, expected: list[str]) -> None:
    assert names(stocked, expression) == expected


def test_expressions_are_anded(stocked: Service) -> None:
    assert names(stocked, contains("name", "lpha"), exact("framework.version", "2.4")) == [A]
    assert names(stocked) == [A, A2, B, G]


def test_the_id_of_a_reference_is_compared_as_a_number(stocked: Service) -> None:
    (image,) = stocked.staff.post("/v1/docker/list", json={"expressions": [exact("name", A)]}).json()
    assert names(stocked, exact("cuda_version", image["cuda_version"])) == [A]
    assert names(stocked, compare("pk", "<=", image["pk"])) == [A]


ORDERS: tuple[tuple[list[dict[str, object]], list[str]], ...] = (
    ([{"field": "name"}], [A2, A, B, G]),
    ([{"field": "name", "ascending": False}], [G, B, A, A2]),
    ([{"field": "cuda_version.version", "nulls_first": True}], [G, A, A2, B]),
    ([{"field": "cuda_version.version", "nulls_first": False}], [A, A2, B, G]),
    ([{"field": "cuda_version.version", "ascending": False, "nulls_first": False}], [B, A2, A, G]),
    ([{"field": "cuda_version.version", "ascending": False, "nulls_first": True}], [G, B, A2, A]),
    ([{"field": "framework.version"}], [A, G, B, A2]),
    ([{"field": "cpu", "ascending": True}], [A, A2, B, G]),
    ([{"field": "cpu", "ascending": False}], [B, G, A, A2]),
    ([{"field": "framework.name"}, {"field": "framework.version", "ascending": False}], [A2, A, G, B]),
    ([{"field": "creation_time"}], [A, A2, B, G]),
)


@pytest.mark.parametrize(("order", "expected"), ORDERS, ids=str)
def test_a_list_is_ordered(stocked: Service, order: list[dict[str, object]], expected: list[str]) -> None:
    assert names(stocked, order_by=order) == expected


def test_nulls_have_one_place_whatever_the_database(stocked: Service) -> None:
    order = [{"field": "cuda_version.version"}]
    assert names(stocked, order_by=order) == [A, A2, B, G]


@pytest.mark.parametrize(
    ("resource", "field", "texts"),
    [
        ("cuda", "min_driver_version", ("450.36.06", "450.119.04")),
        ("frameworks", "version", ("9.2", "10.1", "12.4.1")),
        ("nodes", "driver_version", ("450.36.06", "450.119.04", "535.54.03")),
        ("nodes", "compute_capability", ("8.6", "8.9", "10.0", "12.0")),
    ],
)
def test_versions_compare_and_order_as_versions(
    shared: Service, resource: str, field: str, texts: tuple[str, ...]
) -> None:
    made = {shared.make(resource, **{field: text})["pk"]: text for text in reversed(texts)}
    ours = any_of(*(exact("pk", pk) for pk in made))

    def versions(*expressions: Expression, **specification: object) -> list[str]:
        body = {"expressions": [ours, *expressions], "order_by": [{"field": field}], **specification}
        return [item[field] for item in shared.staff.post(f"/v1/{resource}/list", json=body).json()]

    assert versions() == list(texts)
    assert versions(order_by=[{"field": field, "ascending": False}]) == list(reversed(texts))
    for place, text in enumerate(texts):
        assert versions(compare(field, "<", text)) == list(texts[:place])
        assert versions(compare(field, ">=", text)) == list(texts[place:])


ACROSS = (
    ("cuda", exact("version", "12.4"), 1),
    ("hardware", exact("generation", "Ampere"), 1),
    ("frameworks", exact("name", "TensorFlow"), 1),
    ("domains", exact("name", "od"), 1),
    ("licences", exact("conditions", "include-copyright"), 2),
    ("users", exact("username", "casey"), 1),
    ("users", exact("is_staff", True), 1),
)


@pytest.mark.parametrize(("resource", "expression", "at_least"), ACROSS, ids=str)
def test_every_resource_is_filtered(stocked: Service, resource: str, expression: Expression, at_least: int) -> None:
    rows = stocked.staff.post(f"/v1/{resource}/list", json={"expressions": [expression]}).json()
    assert len(rows) >= at_least
    others = stocked.staff.post(f"/v1/{resource}/list", json={"expressions": [expression | {"invert": True}]}).json()
    everything = stocked.staff.post(f"/v1/{resource}/list", json={"include_inactive": False}).json()
    assert sorted(item["pk"] for item in rows + others) == [item["pk"] for item in everything]


def test_nodes_are_filtered_through_their_generation(stocked: Service) -> None:
    made = catalogue.node(compute_capability="8.6")
    answer = stocked.staff.post("/v1/nodes/create", json=made)
    body = {"expressions": [exact("hardware_generation.generation", "Ampere"), exact("ip", made["ip"])]}
    assert stocked.staff.post("/v1/nodes/list", json=body).json() == [answer.json()]


def test_a_large_filter_takes_little_of_the_event_loop(service: Service) -> None:
    leaf = {"type": "is_null", "field": "framework.name", "invert": True}

    async def used() -> float:
        return time.thread_time()

    # Over PostgreSQL the statement is still compiled there.
    bearable = {"sqlite": 0.1, "postgresql": 1.0}[service.kind]
    for path, body in (
        ("/v1/docker/list", {"expressions": [leaf] * 1000}),
        ("/v1/docker/match", {"worker": {}, "filter": {"expressions": [leaf] * 1000}}),
    ):

        def of_one(path: str = path, body: object = body) -> float:
            before = service.loop.run(used())
            assert service.staff.post(path, json=body).status_code == 200
            return service.loop.run(used()) - before

        assert quickest(of_one, bearable) < bearable


@pytest.mark.parametrize("value", [2**31, -(2**40), 2**63 - 1])
def test_a_whole_number_may_be_larger_than_any_that_a_field_has(shared: Service, value: int) -> None:
    node = shared.make("nodes")["pk"]
    for operator, finds in (("<", value > 0), (">=", value < 0)):
        body = {"expressions": [exact("pk", node), compare("index", operator, value)]}
        rows = shared.staff.post("/v1/nodes/list", json=body).json()
        assert [row["pk"] for row in rows] == ([node] if finds else [])
    assert shared.staff.post("/v1/nodes/list", json={"expressions": [exact("index", value)]}).json() == []
