"""Inventories of images that workers report, and what people see of them; over the API."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.joining import Joined
from tests.server.prefetch.conftest import DIGEST, LOGIN, Object, exact

GONE = 999_999


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


def test_what_cannot_be_removed_is_counted_as_taken(service: Service, worker: Joined) -> None:
    first, second = (service.make("docker", name=name)["pk"] for name in "ab")
    held = {"image": first, "state": "held", "size_bytes": 12}
    say(worker, held, {"image": second, "state": "removing", "size_bytes": 30, "detail": "A container uses it."})
    (line,) = service.user.get("/v1/prefetch/status").json()
    assert (line["held"], line["unwanted"], line["held_bytes"]) == (0, 2, 42)


def test_why_a_pull_with_credentials_failed_is_for_staff(service: Service, worker: Joined) -> None:
    image = service.make("docker", **LOGIN)["pk"]
    why = f"registry.example.com refuses team/private to {LOGIN['registry_username']}."
    say(worker, {"image": image, "state": "failed", "detail": why})
    for path in (f"/v1/nodes/{worker.nodes[0]}/holdings", f"/v1/docker/{image}/holdings"):
        assert why in service.staff.get(path).text
        answer = service.user.get(path)
        assert "only staff see" in answer.text
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
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(service.app), base_url="http://bayplan.test", headers=worker.client.headers
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
