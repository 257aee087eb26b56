"""Paging by cursor: every object once, in the order of the list, whatever is added and deleted between two pages."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from bayplan.db.cursor import Cursor, order_name
from bayplan.schemas.filters import EVERYTHING, Order
from bayplan.server.image_lists import ImageList, image_list
from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.joining import join

ORDERS: dict[str, list[dict[str, Any]]] = {
    "by pk": [],
    "texts": [{"field": "gpu_name"}, {"field": "ip", "ascending": False}],
    "nulls last": [{"field": "gpu_mem"}],
    "nulls first, falling": [{"field": "driver_version", "ascending": False, "nulls_first": True}],
    "falling, nulls last": [{"field": "driver_version", "ascending": False}],
    "booleans": [{"field": "fabric_ready", "nulls_first": True}, {"field": "gpu_mem", "ascending": False}],
    "of a reference": [{"field": "hardware_generation.generation"}, {"field": "hardware_generation"}],
    "numbers of a reference": [{"field": "hardware_generation.min_compute_capability", "ascending": False}],
}
NODES: list[dict[str, Any]] = [
    {"driver_version": "535.104.05", "gpu_mem": 3, "compute_capability": "8.6", "fabric_ready": True},
    {"driver_version": "9.2", "gpu_mem": None, "compute_capability": "7.5", "fabric_ready": False},
    {"driver_version": None, "gpu_mem": None, "compute_capability": None, "gpu_name": None},
    {"driver_version": "535.104.05", "gpu_mem": 3, "compute_capability": "8.6", "fabric_ready": True},
    {"driver_version": "550.54.15", "gpu_mem": 1, "compute_capability": "9.0"},
    {"driver_version": None, "gpu_mem": 2, "compute_capability": "7.5", "gpu_name": "a\u0410'\\"},
    {"driver_version": "535.54.03", "gpu_mem": None, "compute_capability": None, "fabric_ready": False},
]


@pytest.fixture(scope="module")
def nodes(shared: Service) -> list[int]:
    return [shared.make("nodes", **fields)["pk"] for fields in NODES]


def next_of(answer: httpx2.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    return answer.links["next"]["url"] if "next" in answer.links else None


def paged(
    client: httpx2.Client, path: str, body: object, between: Callable[[list[int]], None] = lambda _pks: None
) -> list[int]:
    pks: list[int] = []
    link: str | None = path
    while link is not None:
        answer = client.post(link, json=body)
        link = next_of(answer)
        assert link is None or "offset" not in link
        pks += [item["pk"] for item in answer.json()]
        between(pks)
    return pks


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_pages_are_the_list(shared: Service, nodes: list[int], order: list[dict[str, Any]], limit: int) -> None:
    body = {"expressions": [{"type": "compare", "field": "pk", "operator": ">=", "value": nodes[0]}], "order_by": order}
    whole = [item["pk"] for item in shared.staff.post("/v1/nodes/list", json=body).json()]
    assert sorted(whole) == nodes
    assert paged(shared.staff, f"/v1/nodes/list?limit={limit}&expand=hardware_generation", body) == whole


@pytest.mark.parametrize("order", [[], [{"field": "name"}], [{"field": "framework.name", "ascending": False}]])
def test_nothing_is_skipped_and_nothing_comes_twice(service: Service, order: list[dict[str, Any]]) -> None:
    pks = [service.make("docker")["pk"] for _ in range(9)]
    deleted: list[int] = []

    def between(seen: list[int]) -> None:
        if len(deleted) < 3:  # one that was on the page, and one that would have been on the next but one
            for pk in (seen[-1], next(pk for pk in reversed(pks) if pk not in (*deleted, *seen))):
                assert service.staff.delete(f"/v1/docker/{pk}").status_code == 204
                deleted.append(pk)
            service.make("docker", name=f"another-{len(deleted)}")

    seen = paged(service.staff, "/v1/docker/list?limit=2", {"order_by": order}, between)
    assert len(set(seen)) == len(seen)
    assert set(seen) >= set(pks) - set(deleted)


def test_the_last_page_has_no_next_and_each_is_counted(shared: Service, nodes: list[int]) -> None:
    first = shared.staff.post("/v1/nodes/list?limit=2", json={})
    total = int(first.headers["x-total-count"])
    second = shared.staff.post(first.links["next"]["url"], json={})
    assert second.headers["x-total-count"] == str(total)
    assert second.links.keys() == {"first", "next", "last"}
    rest = shared.staff.post(f"/v1/nodes/list?after={first.links['next']['url'].rpartition('=')[2]}", json={})
    assert len(rest.json()) == total - 2
    assert "link" not in rest.headers
    assert second.headers["etag"] not in (first.headers["etag"], rest.headers["etag"])


def test_a_cursor_of_another_list_is_refused(shared: Service, nodes: list[int]) -> None:
    link = next_of(shared.staff.post("/v1/nodes/list?limit=1", json={"order_by": ORDERS["texts"]}))
    assert link is not None
    images = link.replace("nodes", "docker")
    for path, body in (
        (link, {}),
        (link, {"order_by": ORDERS["nulls last"]}),
        (images, {"order_by": [{"field": "name"}]}),
        (images, {}),
    ):
        refused(shared.staff.post(path, json=body), 422, code="bad_cursor", field="after")
    by_pk = next_of(shared.staff.post("/v1/nodes/list?limit=1", json={}))
    assert by_pk is not None
    after = by_pk.partition("?")[2]
    refused(shared.staff.post(f"/v1/docker/list?{after}", json={}), 422, code="bad_cursor", field="after")
    refused(shared.staff.post(f"/v1/docker/checks/list?{after}"), 422, code="bad_cursor", field="after")
    refused(shared.staff.get(f"/v1/audit?{after}"), 422, code="bad_cursor", field="after")
    refused(shared.staff.get(f"/v1/history?{after}"), 422, field="after")
    refused(shared.staff.post(f"{by_pk}&offset=0", json={}), 422, code="after_and_offset", field="after")


def forged(order: str, values: tuple[object, ...], pk: int) -> str:
    return str(Cursor(order, values, pk))


BY_PK = order_name("nodes")
BAD = ["", "1", "-", "%00", "W10", "bnVsbA", "x" * 20_000]
BAD += [forged("", (), 1), forged(BY_PK, (), 2**63), forged(BY_PK, (), -1), forged(BY_PK, (1,), 1)]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_bad_cursor_is_refused(shared: Service, text: str) -> None:
    refused(shared.staff.post(f"/v1/nodes/list?limit=1&after={text}"), 422, code="bad_cursor", field="after")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("index", ["x", True, 1.5, [1], {"a": 1}, 2**63]),
        ("gpu_name", ["\0", 1, False]),
        ("fabric_ready", ["true", 0.5]),
        ("hardware_generation.min_compute_capability", ["8.6", True]),
    ],
)
def test_a_cursor_with_a_value_of_another_type_is_refused(shared: Service, field: str, values: list[object]) -> None:
    name = order_name("nodes", [Order(field=field)])
    for value in values:
        path = f"/v1/nodes/list?limit=1&after={forged(name, (value,), 1)}"
        answer = shared.staff.post(path, json={"order_by": [{"field": field}]})
        refused(answer, 422, code="bad_cursor", field="after")


def test_the_audit_log_goes_on_behind_what_was_read(service: Service) -> None:
    for number in range(5):
        service.make("docker", registry_username=f"robot{number}", registry_password="a password")
    whole = [entry["pk"] for entry in service.staff.get("/v1/audit").json()]
    assert len(whole) == 5
    first = service.staff.get("/v1/audit?limit=2")
    service.make("docker", registry_username="another", registry_password="a password")
    pks, link = [entry["pk"] for entry in first.json()], next_of(first)
    while link is not None:
        answer = service.staff.get(link)
        pks, link = pks + [entry["pk"] for entry in answer.json()], next_of(answer)
    assert pks == whole


@pytest.mark.parametrize("path", ["/v1/nodes/workers/list", "/v1/nodes/join-tokens/list"])
def test_lists_of_the_fleet_have_pages(service: Service, path: str) -> None:
    for _ in range(5):
        join(service, catalogue.machine(1))
    whole = service.staff.post(path)
    assert "x-total-count" not in whole.headers
    items: list[Any] = []
    link: str | None = f"{path}?limit=2"
    while link is not None:
        answer = service.staff.post(link)
        assert (answer.headers["x-total-count"], len(items) % 2) == ("5", 0)
        items, link = items + answer.json(), next_of(answer)
    assert items == whole.json()
    assert len(items) == 5
    part = service.staff.post(f"{path}?limit=2&offset=2")
    assert part.json() == items[2:4]
    assert part.links.keys() == {"first", "prev", "next", "last"}
    foreign = Cursor(order_name("nodes"), ("x",), 0)
    for after in (foreign, Cursor(order_name(path.split("/")[3]), (7,), 0), "x"):
        refused(service.staff.post(f"{path}?limit=2&after={after}"), 422, code="bad_cursor", field="after")


def test_pages_of_images_by_pk_need_no_query(shared: Service) -> None:
    assert isinstance(image_list(EVERYTHING, limit=1, offset=0), ImageList)
    image = shared.make("docker", **catalogue.image())
    link = next_of(shared.user.post("/v1/docker/list?limit=1", json={}))
    assert link is None or image["pk"] in paged(shared.user, link, {})
