"""Desired images of workers, the inventories that they report, and what people see of both; over the API."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.joining import Joined, joined
from tests.server.http.test_statements import counted

Object = dict[str, Any]
LOGIN = {"registry_username": "robot", "registry_password": "s3cret"}
DIGEST = f"sha256:{'ab' * 32}"
GONE = 999_999


@pytest.fixture
def worker(service: Service) -> Iterator[Joined]:
    """A machine with two RTX A6000 that has joined."""
    with joined(service) as member:
        yield member


@pytest.fixture
def rule(service: Service) -> Callable[..., Object]:
    """Makes a rule; `images`: expressions, in the order of names unless `order_by` says otherwise."""

    def made(*images: Object, nodes: tuple[Object, ...] = (), order_by: str = "name", **more: Any) -> Object:
        chosen = {"expressions": list(images), "order_by": [{"field": order_by}]}
        return service.make("prefetch", nodes={"expressions": list(nodes)}, images=chosen, **more)

    return made


def exact(field: str, value: object) -> Object:
    return {"type": "exact", "field": field, "value": value}


def desired_images(worker: Joined) -> list[Object]:
    answer = worker.client.get("/v1/prefetch/wanted")
    assert answer.status_code == 200, answer.text
    images: list[Object] = answer.json()["images"]
    return images


def names(worker: Joined) -> list[str]:
    return [entry["image"]["name"] for entry in desired_images(worker)]


def test_without_rules_no_images_are_desired(service: Service, worker: Joined) -> None:
    service.make("docker")
    assert worker.client.get("/v1/prefetch/wanted").json() == {"images": [], "keep": []}


def test_the_desired_images_are_those_that_rules_name_and_nodes_run(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    first = service.make("docker", name="b", url=f"registry.example.com/b@{DIGEST}", **LOGIN)
    service.make("docker", name="a")
    service.make("docker", name="c", domain="ic")
    service.make("docker", name="too new", min_hardware_generation="Hopper")
    service.staff.delete(f"/v1/docker/{service.make('docker', name='deleted')['pk']}")
    named = rule(exact("domain", "od"), order_by="pk")["name"]
    images = desired_images(worker)
    assert [entry["image"]["name"] for entry in images] == ["b", "a"]
    assert images[0] == {
        "image": first,
        "digest": DIGEST,
        "size_bytes": None,
        "nodes": worker.nodes,
        "rules": [named],
        "grade": images[0]["grade"],
    }
    assert images[0]["image"]["registry_password"] == "s3cret"
    assert {entry["grade"] for entry in images} <= {"native", "minor", "forward", "cpu"}
    assert images[1]["digest"] is None


def test_rules_go_by_age_and_each_image_comes_once(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    for name in ("a", "b", "c"):
        service.make("docker", name=name)
    first = rule(exact("name", "b"))["name"]
    second = rule(exact("domain", "od"))["name"]
    assert [(entry["image"]["name"], entry["rules"]) for entry in desired_images(worker)] == [
        ("b", [first, second]),
        ("a", [second]),
        ("c", [second]),
    ]


def test_a_rule_is_for_the_nodes_that_its_filter_lets_through(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a")
    service.make("docker", name="b")
    rule(exact("name", "a"), nodes=(exact("index", 1),))
    rule(exact("name", "b"), nodes=(exact("ip", worker.body["ip"]),))
    with joined(service) as other:
        assert [(entry["image"]["name"], entry["nodes"]) for entry in desired_images(worker)] == [
            ("a", worker.nodes[1:]),
            ("b", worker.nodes),
        ]
        assert [(entry["image"]["name"], entry["nodes"]) for entry in desired_images(other)] == [("a", other.nodes[1:])]


def test_a_rule_for_a_node_that_cannot_be_keeps_nobody_from_an_answer(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a")
    rule(nodes=(exact("index", 2**40),))
    assert names(worker) == []


def test_nodes_of_one_worker_may_differ(service: Service, rule: Callable[..., Object]) -> None:
    service.make("docker", name="a", min_hardware_generation="Ampere")
    rule()
    with joined(service) as worker:
        older = {"gpu_name": "Tesla T4", "gpu_brand": "Tesla", "compute_capability": "7.5"}
        assert worker.client.patch(f"/v1/nodes/{worker.nodes[0]}", json=older).status_code == 200
        assert [entry["nodes"] for entry in desired_images(worker)] == [worker.nodes[1:]]


def test_the_desired_images_are_sent_again_only_after_a_change(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    image = service.make("docker", name="a")
    made = rule()
    answer = worker.client.get("/v1/prefetch/wanted")
    tag = answer.headers["etag"]

    def again() -> int:
        nonlocal tag
        answer = worker.client.get("/v1/prefetch/wanted", headers={"If-None-Match": tag})
        tag = answer.headers["etag"]
        return answer.status_code

    assert [again(), again()] == [304, 304]
    worker.client.get("/v1/nodes/ping", headers=worker.as_node())
    service.make("docker", domain="ic", min_hardware_generation="Hopper")  # none of its business
    assert again() == 304
    service.staff.patch(f"/v1/docker/{image['pk']}", json=LOGIN)
    assert [again(), again()] == [200, 304]
    service.staff.patch(f"/v1/prefetch/{made['pk']}", json={"images": {"expressions": [exact("domain", "ic")]}})
    assert [again(), again()] == [200, 304]
    assert desired_images(worker) == []
    service.staff.delete(f"/v1/prefetch/{made['pk']}")
    assert again() == 304


def test_a_change_of_a_node_changes_the_desired_images(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a", cuda_version="12.4.1")
    rule()
    assert names(worker) == ["a"]
    without_gpu = catalogue.machine(0, ip=worker.body["ip"])
    assert worker.client.post("/v1/nodes/join", json=without_gpu).status_code == 200
    assert names(worker) == []


def test_staff_read_the_desired_images_by_node(service: Service, worker: Joined, rule: Callable[..., Object]) -> None:
    service.make("docker", name="a")
    rule()
    for node in worker.nodes:
        body = service.staff.get("/v1/prefetch/wanted", headers={"Node-Id": str(node)}).json()
        assert body == {"images": desired_images(worker), "keep": []}
    lone = service.make("nodes")["pk"]
    body = service.staff.get("/v1/prefetch/wanted", headers={"Node-Id": str(lone)}).json()
    assert [entry["nodes"] for entry in body["images"]] == [[lone]]
    refused(service.staff.get("/v1/prefetch/wanted"), 400, "unknown_node")
    refused(service.user.get("/v1/prefetch/wanted"), 403, "forbidden")
    refused(service.user.get("/v1/prefetch/wanted", headers={"Node-Id": str(lone)}), 403, "forbidden")
    refused(service.anonymous.get("/v1/prefetch/wanted"), 401)


def test_many_images_and_rules_cost_few_statements(service: Service, rule: Callable[..., Object]) -> None:
    for number in range(12):
        service.make("docker", name=f"i{number:02}")
    for _ in range(5):
        rule()
    with joined(service) as first, joined(service) as second:
        assert len(desired_images(first)) == 12
        with counted() as statements:
            assert len(desired_images(second)) == 12
        assert len(statements) <= 8, "\n".join(statements)
        tag = second.client.get("/v1/prefetch/wanted").headers["etag"]
        with counted() as statements:
            answer = second.client.get("/v1/prefetch/wanted", headers={"If-None-Match": tag})
        assert answer.status_code == 304
        assert len(statements) <= 1, "\n".join(statements)


def test_so_many_rules_that_they_take_two_queries(service: Service, worker: Joined) -> None:
    service.make("docker", name="a")
    parts = [exact("index", number) for number in range(2, 400)]
    for number in range(4):
        nodes = {"expressions": [{"type": "or", "sub_expressions": [*parts, exact("index", number // 2)]}]}
        service.make("prefetch", name=f"r{number}", nodes=nodes, images={"expressions": [exact("name", "a")]})
    (entry,) = desired_images(worker)
    assert entry["rules"] == ["r0", "r1", "r2", "r3"]
    assert entry["nodes"] == worker.nodes


def say(worker: Joined, *images: Object) -> Any:
    answer = worker.client.put("/v1/prefetch/holdings", json={"images": list(images)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_image_inventory_is_reported_and_everyone_sees_it(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    first, second, third = (service.make("docker", name=name)["pk"] for name in "abc")
    rule({"type": "or", "sub_expressions": [exact("name", "a"), exact("name", "b")]})
    present = {"image": first, "state": "held", "digest": DIGEST, "size_bytes": 12}
    failed = {"image": third, "state": "failed", "detail": "No such tag."}
    report = say(worker, present, failed, {"image": GONE, "state": "removing"})
    assert report["images"] == 2
    inventory = service.user.get(f"/v1/nodes/{worker.nodes[1]}/holdings").json()
    nothing = {"state": None, "digest": None, "size_bytes": None, "detail": None, "at": None}
    assert inventory == {
        "node": worker.nodes[1],
        "images": [
            {"name": "a", "version": "1", **nothing, **present, "at": timestamp(report["at"]), "wanted": True},
            {"name": "b", "version": "1", **nothing, "image": second, "wanted": True},
            {"name": "c", "version": "1", **nothing, **failed, "at": report["at"], "wanted": False},
        ],
    }
    place = {"ip": worker.body["ip"], "worker": worker.answer["worker"]}
    fields = {name: value for name, value in inventory["images"][0].items() if name not in ("image", "name", "version")}
    assert service.user.get(f"/v1/docker/{first}/holdings").json() == {
        "image": first,
        "nodes": [{"node": pk, "index": index, **place, **fields} for index, pk in enumerate(worker.nodes)],
    }
    assert [entry["wanted"] for entry in service.user.get(f"/v1/docker/{third}/holdings").json()["nodes"]] == [
        False,
        False,
    ]
    (line,) = service.user.get("/v1/prefetch/status").json()
    assert line == {
        "worker": worker.answer["worker"],
        "ip": worker.body["ip"],
        "nodes": worker.nodes,
        "wanted": 2,
        "held": 1,
        "pulling": 0,
        "failed": 1,
        "no_room": 0,
        "unwanted": 1,
        "held_bytes": 12,
        "changed": report["at"],
    }


def test_why_a_pull_with_credentials_failed_is_for_staff(service: Service, worker: Joined) -> None:
    image = service.make("docker", **LOGIN)["pk"]
    why = f"registry.example.com refuses team/private to {LOGIN['registry_username']}."
    say(worker, {"image": image, "state": "failed", "detail": why})
    for path in (f"/v1/nodes/{worker.nodes[0]}/holdings", f"/v1/docker/{image}/holdings"):
        assert why in service.staff.get(path).text
        answer = service.user.get(path)
        assert "for staff" in answer.text
        assert LOGIN["registry_username"] not in answer.text


def test_an_inventory_replaces_the_last_one_and_keeps_since_when(service: Service, worker: Joined) -> None:
    first, second = service.make("docker")["pk"], service.make("docker")["pk"]

    def inventory() -> dict[int, tuple[str, str]]:
        images = service.user.get(f"/v1/nodes/{worker.nodes[0]}/holdings").json()["images"]
        return {entry["image"]: (entry["state"], entry["at"]) for entry in images}

    began = say(worker, {"image": first, "state": "held"}, {"image": second, "state": "pulling"})["at"]
    assert inventory() == {first: ("held", began), second: ("pulling", began)}
    later = say(worker, {"image": first, "state": "held"}, {"image": second, "state": "held"})["at"]
    assert inventory() == {first: ("held", began), second: ("held", later)}
    say(worker, {"image": second, "state": "held"})
    assert inventory() == {second: ("held", later)}
    service.staff.delete(f"/v1/docker/{second}/hard")
    assert inventory() == {}


def test_an_inventory_reported_many_times_at_once_is_stored_once(service: Service, worker: Joined) -> None:
    at_once = 20
    images = [service.make("docker")["pk"] for _ in range(5)]

    async def ask() -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(service.app), base_url="http://bayplan.test", headers=worker.client.headers
        ) as client:
            bodies = [
                {"images": [{"image": pk, "state": "held", "size_bytes": size} for pk in images]}
                for size in range(at_once)
            ]
            answers = await asyncio.gather(*(client.put("/v1/prefetch/holdings", json=body) for body in bodies))
        return [answer.status_code for answer in answers]

    assert service.loop.run(ask()) == [200] * at_once
    inventory = service.user.get(f"/v1/nodes/{worker.nodes[0]}/holdings").json()["images"]
    assert [entry["image"] for entry in inventory] == images
    assert len({entry["size_bytes"] for entry in inventory}) == 1, "one of the reports, whole"


def test_the_largest_images_that_there_may_be_are_counted(service: Service, worker: Joined) -> None:
    images = [service.make("docker")["pk"] for _ in range(3)]
    say(worker, *({"image": pk, "state": "held", "size_bytes": 2**50} for pk in images))
    (line,) = service.user.get("/v1/prefetch/status").json()
    assert line["held_bytes"] == 3 * 2**50


def test_an_inventory_does_not_move_the_version(service: Service, worker: Joined) -> None:
    image = service.make("docker")["pk"]
    before = service.anonymous.get("/readyz").json()
    say(worker, {"image": image, "state": "held"})
    assert service.anonymous.get("/readyz").json() == before


def test_a_revoked_worker_has_no_inventory(service: Service, worker: Joined) -> None:
    image = service.make("docker")["pk"]
    say(worker, {"image": image, "state": "held"})
    service.staff.delete(f"/v1/nodes/workers/{worker.answer['worker']}")
    assert service.user.get(f"/v1/docker/{image}/holdings").json()["nodes"] == []
    assert service.user.get(f"/v1/nodes/{worker.nodes[0]}/holdings").json()["images"] == []
    assert service.user.get("/v1/prefetch/status").json() == []


WRONG: tuple[tuple[list[Object], str, str], ...] = (
    ([{"image": 1, "state": "lost"}], "images.0.state", "literal_error"),
    ([{"image": 1, "state": "held", "digest": "latest"}], "images.0.digest", "string_pattern_mismatch"),
    ([{"image": 1, "state": "held", "size_bytes": -1}], "images.0.size_bytes", "greater_than_equal"),
    ([{"image": 1, "state": "held", "size_bytes": 2**62}], "images.0.size_bytes", "less_than_equal"),
    ([{"image": 1, "state": "held", "at": "now"}], "images.0.at", "unknown_field"),
    ([{"state": "held"}], "images.0.image", "missing"),
    ([{"image": 1, "state": "held"}, {"image": 1, "state": "failed"}], "images", "repeated_image"),
)


@pytest.mark.parametrize(("images", "field", "code"), WRONG, ids=str)
def test_a_wrong_inventory_is_refused(
    service: Service, worker: Joined, images: list[Object], field: str, code: str
) -> None:
    refused(worker.client.put("/v1/prefetch/holdings", json={"images": images}), 422, code, field)


def test_only_workers_report_inventories_and_only_people_read_them(service: Service, worker: Joined) -> None:
    refused(service.staff.put("/v1/prefetch/holdings", json={"images": []}), 403, "forbidden")
    image = service.make("docker")["pk"]
    for path in ("/v1/prefetch/status", f"/v1/nodes/{worker.nodes[0]}/holdings", f"/v1/docker/{image}/holdings"):
        refused(worker.client.get(path), 403, "forbidden")
        refused(service.anonymous.get(path), 401)
    refused(service.user.get(f"/v1/nodes/{GONE}/holdings"), 404, "not_found")
    refused(service.user.get(f"/v1/docker/{GONE}/holdings"), 404, "not_found")


def test_credentials_that_leave_are_in_the_audit_log_and_only_those(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    image = service.make("docker", name="a", **LOGIN)
    service.make("docker", name="b")
    rule()

    def entries() -> list[Object]:
        answer = service.staff.get("/v1/audit", params={"name": worker.answer["worker"]})
        assert answer.status_code == 200, answer.text
        rows = answer.json()
        return [row for row in rows if row["action"] == "prefetch"]

    answer = worker.client.get("/v1/prefetch/wanted")
    (entry,) = entries()
    assert (entry["kind"], entry["passwords"]) == ("worker", 1)
    assert str(image["pk"]) in str(entry["images"])
    for _ in range(2):
        assert (
            worker.client.get("/v1/prefetch/wanted", headers={"If-None-Match": answer.headers["etag"]}).status_code
            == 304
        )
    assert len(entries()) == 1
