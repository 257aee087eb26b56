"""`/v1/docker/{pk}/lifecycle`: deprecated images, and what they change in matches."""

from typing import Any

import pytest

from bayplan.server.matching.queries import today
from tests.answers import refused
from tests.conftest import Service

NONE = {"deprecated": False, "since": None, "why": None, "successor": None}
NODE = {"driver_version": "550.54.15", "compute_capability": "8.6", "architecture": "amd64"}


def lifecycle(service: Service, pk: int, **changes: Any) -> dict[str, Any]:
    """The lifecycle of an image, after these changes."""
    path = f"/v1/docker/{pk}/lifecycle"
    answer = service.staff.patch(path, json=changes) if changes else service.user.get(path)
    content: dict[str, Any] = answer.raise_for_status().json()
    return content


def made(service: Service, name: str, **fields: Any) -> int:
    """The pk of a new image of that name."""
    pk: int = service.make("docker", name=name, version="1.0", **fields)["pk"]
    return pk


def test_an_image_is_deprecated_and_taken_back(shared: Service) -> None:
    old, new = made(shared, "old"), made(shared, "team/new: er")
    image = shared.user.get(f"/v1/docker/{old}")
    assert lifecycle(shared, old) == NONE
    first = lifecycle(shared, old, deprecated=True, why="CUDA 11 leaves", successor=new)
    assert first == {"deprecated": True, "since": today().isoformat(), "why": "CUDA 11 leaves", "successor": new}
    assert shared.user.get(f"/v1/docker/{old}").json() == image.json(), "the fields of the image do not change"
    assert lifecycle(shared, old, since="2026-01-02", why=None) == first | {"since": "2026-01-02", "why": None}
    for name in ("team/new: er:1.0", "TEAM/new: er 1.0"):
        assert lifecycle(shared, old, successor=None)["successor"] is None
        assert lifecycle(shared, old, successor=name)["successor"] == new
    assert lifecycle(shared, old, deprecated=False) == NONE


def test_its_revision_is_the_images(shared: Service) -> None:
    pk = made(shared, "tagged")
    path = f"/v1/docker/{pk}/lifecycle"
    tag = shared.staff.get(f"/v1/docker/{pk}").headers["ETag"].replace("-secret", "")
    assert shared.user.get(path).headers["ETag"] == tag
    assert shared.user.get(path, headers={"If-None-Match": tag}).status_code == 304
    changed = shared.staff.patch(path, json={"deprecated": True}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    refused(shared.staff.patch(path, json={"deprecated": False}, headers={"If-Match": tag}), 412)
    assert shared.user.get(path, headers={"If-None-Match": tag}).json()["deprecated"]


def test_what_is_wrong_is_refused(shared: Service) -> None:
    first, second, third, gone = (made(shared, f"chain-{name}") for name in ("one", "two", "three", "gone"))
    shared.staff.delete(f"/v1/docker/{gone}").raise_for_status()
    for body, code, field in (
        ({"why": "x"}, "not_deprecated", "why"),
        ({"deprecated": False, "successor": second}, "not_deprecated", "successor"),
        ({"deprecated": True, "since": "2999-01-01"}, "in_future", "since"),
        ({"deprecated": True, "since": "yesterday"}, "bad_format", "since"),
        ({"deprecated": True, "why": "a\nb"}, "not_printable", "why"),
        ({"deprecated": True, "successor": first}, "own_successor", "successor"),
        ({"deprecated": True, "successor": gone}, "unknown_reference", "successor"),
        ({"deprecated": True, "successor": "chain-twoo:1.0"}, "unknown_reference", "successor"),
    ):
        problem = refused(shared.staff.patch(f"/v1/docker/{first}/lifecycle", json=body), 422, code, field)
    assert "chain-two:1.0" in problem["detail"], "the nearest names"
    lifecycle(shared, first, deprecated=True, successor=second)
    lifecycle(shared, second, deprecated=True, successor=third)
    body = {"deprecated": True, "successor": "chain-one:1.0"}
    refused(shared.staff.patch(f"/v1/docker/{third}/lifecycle", json=body), 409, "successors_in_circle", "successor")
    assert lifecycle(shared, third) == NONE
    refused(shared.staff.patch(f"/v1/docker/{gone}/lifecycle", json={"deprecated": True}), 409, "deleted")
    for client in (shared.user, shared.staff):
        refused(client.get("/v1/docker/999999/lifecycle"), 404)


@pytest.mark.parametrize("end", ["", "/hard"])
def test_a_successor_that_is_deleted_is_cleared_and_the_history_has_it(shared: Service, end: str) -> None:
    old, new = made(shared, f"named{end}"), made(shared, f"naming{end}")
    lifecycle(shared, old, deprecated=True, since="2026-01-02", successor=new)
    tag = shared.user.get(f"/v1/docker/{old}/lifecycle").headers["ETag"]
    shared.staff.delete(f"/v1/docker/{new}{end}").raise_for_status()
    assert lifecycle(shared, old) == {"deprecated": True, "since": "2026-01-02", "why": None, "successor": None}
    assert shared.user.get(f"/v1/docker/{old}/lifecycle").headers["ETag"] != tag
    entry = shared.staff.get(f"/v1/history?resource=docker&pk={old}&limit=1").json()[0]
    assert entry["changes"] == {"lifecycle.successor": {"before": new, "after": None}}


def test_a_deprecated_image_is_matched_after_all_others_and_names_its_successor(shared: Service) -> None:
    framework = shared.make("frameworks")["pk"]
    best, worse = (
        made(shared, "best", framework=framework),
        made(shared, "worse", framework=framework, cuda_version="12.8.1"),
    )

    def matches(**more: Any) -> list[tuple[int, str, list[dict[str, Any]]]]:
        filter_ = {"expressions": [{"type": "exact", "field": "framework", "value": framework}]}
        body = {"worker": NODE, "filter": filter_, **more}
        answer = shared.user.post("/v1/docker/match", json=body).raise_for_status().json()
        return [
            (entry["image"]["pk"], entry["grade"], [each for each in entry["reasons"] if each["code"] == "deprecated"])
            for entry in answer["matches"]
        ]

    assert matches() == [(best, "native", []), (worse, "minor", [])]
    lifecycle(shared, best, deprecated=True, since="2026-01-02", why="It leaks.", successor=worse)
    (first, second) = matches()
    assert (first, second[:2]) == ((worse, "minor", []), (best, "native")), "whatever the grade"
    (caveat,) = second[2]
    assert caveat["grade"] == "caveat"
    assert caveat["detail"] == "The image is deprecated since 2026-01-02: It leaks."
    assert caveat["remedy"] == "Use worse 1.0 instead."
    assert matches(limit=1) == matches(limit_per_framework=1) == [first]
    # The caveat follows the successor's name, in the index and in all that is asked of one image.
    shared.staff.patch(f"/v1/docker/{worse}", json={"version": "2.0"}).raise_for_status()
    assert matches()[1][2][0]["remedy"] == "Use worse 2.0 instead."
    node = shared.make("nodes", **NODE)["pk"]
    fit = shared.user.post(f"/v1/docker/{best}/fit", json={"nodes": [node]}).raise_for_status().json()
    assert "Use worse 2.0 instead." in [reason["remedy"] for reason in fit["kinds"][0]["reasons"]]
    on_node = {"expressions": [{"type": "exact", "field": "pk", "value": node}]}
    matrix = shared.user.post("/v1/docker/matrix", json={"nodes": on_node}).raise_for_status().json()
    group = next(group["group"] for group in matrix["groups"] if best in group["images"])
    assert "deprecated" in next(cell["codes"] for cell in matrix["verdicts"] if cell["group"] == group)
    lifecycle(shared, best, deprecated=False)
    assert matches() == [(best, "native", []), (worse, "minor", [])]
