"""`GET /v1/docker/outdated` and `POST /v1/docker/retirement`: images that are out of date, and what it would strand to retire some."""

import datetime
from typing import Any

from bayplan.server.matching.queries import today
from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.joining import joined

PATH, RETIREMENT = "/v1/docker/outdated", "/v1/docker/retirement"


def outdated(service: Service, **params: str) -> dict[str, Any]:
    answer: dict[str, Any] = service.user.get(PATH, params=params).raise_for_status().json()
    return answer


def reasons(answer: dict[str, Any]) -> dict[str, list[str]]:
    """The codes of each image, by name and version."""
    return {
        f"{image['name']}:{image['version']}": [reason["code"] for reason in image["reasons"]]
        for image in answer["images"]
    }


def day(days: int) -> str:
    return (today() + datetime.timedelta(days)).isoformat()


def test_every_reason_with_its_days_and_what_to_use(service: Service) -> None:
    make = service.make
    assert outdated(service)["images"] == []
    for name, days in (("past", -1), ("last", 0), ("soon", 90), ("later", 91)):
        make("docker", name=name, version="1", facts={"end_of_life": day(days)})
    old, other = make("docker", name="a", version="1.9")["pk"], make("docker", name="other", version="1")["pk"]
    new = make("docker", name="a", version="1.10")["pk"]
    for body in ({"deprecated": True, "why": "It leaks.", "since": "2026-01-02", "successor": other},):
        service.staff.patch(f"/v1/docker/{old}/lifecycle", json=body).raise_for_status()
    answer = outdated(service)
    assert reasons(answer) == {
        "a:1.9": ["deprecated", "superseded"],
        "last:1": ["end_of_life_soon"],
        "past:1": ["end_of_life"],
        "soon:1": ["end_of_life_soon"],
    }
    assert (answer["considered"], answer["inventories"], answer["nodes"]) == (7, False, 0)
    assert answer["counts"] == {
        "end_of_life": 1,
        "end_of_life_soon": 2,
        "deprecated": 1,
        "superseded": 1,
        "runs_nowhere": 0,
        "in_no_inventory": 0,
    }
    deprecated, superseded = answer["images"][0]["reasons"]
    assert deprecated == {
        "code": "deprecated",
        "detail": "It is deprecated since 2026-01-02: It leaks.",
        "since": "2026-01-02",
        "until": None,
    }
    assert superseded["since"] == today().isoformat()
    assert answer["images"][0]["use"] == {"image": other, "name": "other", "version": "1"}
    assert (answer["images"][0]["since"], answer["images"][0]["nodes"]) == ("2026-01-02", None)
    past = answer["images"][2]["reasons"][0]
    assert (past["since"], past["until"]) == (day(0), day(-1))
    service.staff.delete(f"/v1/docker/{other}").raise_for_status()
    assert outdated(service)["images"][0]["use"]["image"] == new, "a successor that is deleted is none"
    service.staff.delete(f"/v1/docker/{new}").raise_for_status()
    assert reasons(outdated(service, reason="deprecated,superseded")) == {"a:1.9": ["deprecated"]}
    assert reasons(outdated(service, reason="superseded")) == {}
    problem = refused(service.user.get(PATH, params={"reason": "deprecated,old"}), 422, "wrong_type", "reason")
    assert "end_of_life_soon" in problem["detail"]
    refused(service.anonymous.get(PATH), 401)


def test_nodes_and_inventories_are_known_where_there_are_some(service: Service) -> None:
    runs, idle = (service.make("docker", name=name, version="1")["pk"] for name in ("runs", "idle"))
    service.make("docker", name="never", version="1", facts={"architectures": ["s390x"]})
    tag = service.user.get(PATH).headers["ETag"]
    assert service.user.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    with joined(service) as worker:
        assert reasons(outdated(service)) == {"never:1": ["runs_nowhere"]}
        body = {"images": [{"image": runs, "state": "held"}, {"image": idle, "state": "failed"}]}
        worker.client.put("/v1/prefetch/holdings", json=body).raise_for_status()
        answer = outdated(service)
        assert reasons(answer) == {"idle:1": ["in_no_inventory"], "never:1": ["runs_nowhere", "in_no_inventory"]}
        assert (answer["inventories"], answer["nodes"]) == (True, len(worker.nodes))
        assert [image["nodes"] for image in answer["images"]] == [len(worker.nodes), 0]
        assert service.user.get(PATH, headers={"If-None-Match": tag}).status_code == 200


def test_a_newer_image_that_does_less_is_not_what_to_use(service: Service) -> None:
    both, other = ["amd64", "s390x"], ["s390x"]
    service.make("docker", name="a", version="1.0", tasks=["train"], facts={"architectures": both})
    middle = service.make("docker", name="a", version="1.1", tasks=["Train"], facts={"architectures": both})["pk"]
    newest = service.make("docker", name="a", version="1.2", tasks=["train"], facts={"architectures": other})["pk"]
    service.make("docker", name="b", version="1.0", tasks=["train", "export"])
    service.make("docker", name="b", version="1.1", tasks=["export"])

    def uses() -> dict[str, tuple[int | None, str]]:
        images = outdated(service, reason="superseded")["images"]
        return {
            f"{image['name']}:{image['version']}": (
                image["use"] and image["use"]["image"],
                next(reason["detail"] for reason in image["reasons"] if reason["code"] == "superseded"),
            )
            for image in images
        }

    b = (None, "b 1.1 is newer, but is not for train.")
    assert uses() == {"a:1.0": (newest, "a 1.2 is newer."), "a:1.1": (newest, "a 1.2 is newer."), "b:1.0": b}
    with joined(service) as worker:
        nodes = len(worker.nodes)
        lacking = f"a 1.2 is newer, but does not run on {nodes} of the nodes that run this image."
        assert uses() == {"a:1.0": (middle, "a 1.1 is newer."), "a:1.1": (None, lacking), "b:1.0": b}


def test_what_it_would_strand_to_retire_images(service: Service) -> None:
    train, export = (service.make("docker", name=name, version="1", tasks=[name])["pk"] for name in ("train", "export"))
    spare = service.make("docker", name="spare", version="1", tasks=["export"])["pk"]
    service.staff.patch(
        f"/v1/docker/{spare}/lifecycle", json={"deprecated": True, "successor": export}
    ).raise_for_status()
    for name, pks in (("both", (train, export)), ("another", (spare,)), ("all", ())):
        expressions = [{"type": "or", "sub_expressions": [{"type": "exact", "field": "pk", "value": pk} for pk in pks]}]
        images = {"expressions": expressions if pks else []}
        service.staff.post("/v1/prefetch/create", json=catalogue.prefetch(name=name, images=images)).raise_for_status()

    def ask(*images: int) -> dict[str, Any]:
        answer = service.user.post(RETIREMENT, json={"images": images})
        content: dict[str, Any] = answer.raise_for_status().json()
        return content

    with joined(service) as worker:
        body = {"images": [{"image": train, "state": "held"}]}
        worker.client.put("/v1/prefetch/holdings", json=body).raise_for_status()
        answer = ask(train, export)
        assert [image["name"] for image in answer["images"]] == ["train", "export"]
        (lost,) = answer["nodes"]
        assert (lost["task"], sorted(lost["nodes"]), lost["image"]) == ("train", sorted(worker.nodes), train)
        assert answer["rules"] == [
            {"rule": "both", "images": [train, export], "left": 0},
            {"rule": "all", "images": [train, export], "left": 1},
        ]
        assert answer["inventories"] == [{"image": train, "workers": 1}]
        assert answer["successors"] == [{"image": spare, "name": "spare", "version": "1", "successor": export}]
        alone = ask(spare)
        assert (alone["nodes"], alone["inventories"], alone["successors"]) == ([], [], [])
        assert ask(export, spare)["successors"] == []
        changes = [{"retire": {"expressions": [{"type": "exact", "field": "pk", "value": train}]}}]
        what_if = service.user.post("/v1/docker/what-if", json={"changes": changes}).json()
        assert ask(train)["nodes"] == what_if["nodes"]["lost"]
    service.staff.delete(f"/v1/docker/{spare}").raise_for_status()
    problem = refused(service.user.post(RETIREMENT, json={"images": [train, spare]}), 422, "unknown_reference")
    assert problem["errors"][0]["field"] == "images.1"
    assert service.user.get(f"/v1/docker/{train}").json()["deletion_time"] is None
