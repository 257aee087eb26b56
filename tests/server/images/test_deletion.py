"""Deleting: images softly, back and for good; everything else only when nothing refers to it."""

from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service

LOADED = "/v1/docker/{pk}"


def listed(service: Service, **specification: object) -> list[int]:
    """The pks that a list gives."""
    return [image["pk"] for image in service.staff.post("/v1/docker/list", json=specification).json()]


@pytest.fixture
def gone(service: Service) -> dict[str, Any]:
    """An image that was deleted, as it was before."""
    made = service.make("docker")
    assert service.staff.delete(LOADED.format(**made)).status_code == 204
    return made


def test_a_deleted_image_is_still_loaded_and_says_when(service: Service, gone: dict[str, Any]) -> None:
    loaded = service.user.get(LOADED.format(**gone)).json()
    timestamp(loaded["deletion_time"])
    assert loaded | {"deletion_time": None} == gone | {"registry_username": None, "registry_password": None}


def test_a_deleted_image_is_listed_only_with_include_inactive(service: Service, gone: dict[str, Any]) -> None:
    stays = service.make("docker")
    assert listed(service) == [stays["pk"]]
    assert listed(service, include_inactive=False) == [stays["pk"]]
    assert listed(service, include_inactive=True) == [gone["pk"], stays["pk"]]


def test_a_deleted_image_is_not_matched(service: Service, gone: dict[str, Any]) -> None:
    answer = service.user.post("/v1/docker/match", json={"worker": {"driver_version": "580.65.06"}, "explain": True})
    assert answer.json()["considered"] == 0


def test_a_deleted_image_is_not_changed(service: Service, gone: dict[str, Any]) -> None:
    path = LOADED.format(**gone)
    refused(service.staff.put(path, json=catalogue.image()), 409, code="deleted")
    refused(service.staff.patch(path, json={"cpu": True}), 409, code="deleted")
    refused(service.staff.patch(f"{path}/facts", json={"min_driver": "570.0"}), 409, code="deleted")
    refused(service.staff.delete(path), 409, code="deleted")


def test_reinstating_brings_an_image_back_and_answers_with_it(service: Service, gone: dict[str, Any]) -> None:
    answer = service.staff.delete(LOADED.format(**gone) + "/reinstate")
    assert answer.status_code == 200
    assert answer.json() == gone
    assert listed(service) == [gone["pk"]]


def test_reinstating_what_is_not_deleted_is_a_conflict(service: Service) -> None:
    made = service.make("docker")
    refused(service.staff.delete(LOADED.format(**made) + "/reinstate"), 409)


def test_the_name_of_a_deleted_image_is_free_until_it_comes_back(service: Service, gone: dict[str, Any]) -> None:
    taken = service.make("docker", name=gone["name"], version=gone["version"])
    refused(service.staff.delete(LOADED.format(**gone) + "/reinstate"), 409, code="duplicate")
    assert service.staff.delete(LOADED.format(**taken)).status_code == 204
    assert service.staff.delete(LOADED.format(**gone) + "/reinstate").status_code == 200


@pytest.mark.parametrize("deleted_before", [True, False])
def test_a_hard_delete_removes_for_good_and_answers_with_the_object(service: Service, deleted_before: bool) -> None:
    made = service.make("docker")
    if deleted_before:
        service.staff.delete(LOADED.format(**made))
    answer = service.staff.delete(LOADED.format(**made) + "/hard")
    assert answer.status_code == 200
    assert answer.json() | {"deletion_time": None} == made
    refused(service.staff.get(LOADED.format(**made)), 404)
    assert listed(service, include_inactive=True) == []


def test_a_pk_is_never_given_twice(service: Service) -> None:
    first = service.make("docker")
    service.staff.delete(LOADED.format(**first) + "/hard")
    assert service.make("docker")["pk"] > first["pk"]


@pytest.mark.parametrize("action", ["/hard", "/reinstate", ""])
def test_only_staff_delete_and_bring_back(service: Service, action: str) -> None:
    made = service.make("docker")
    refused(service.user.delete(LOADED.format(**made) + action), 403, code="forbidden")
    assert listed(service) == [made["pk"]]


@pytest.mark.parametrize("action", ["/hard", "/reinstate"])
def test_no_such_image_is_404(service: Service, action: str) -> None:
    refused(service.staff.delete(LOADED.format(pk=999) + action), 404)


REFERRED = (
    ("cuda", "cuda_version", "docker"),
    ("hardware", "min_hardware_generation", "docker"),
    ("frameworks", "framework", "docker"),
    ("licences", "licence", "docker"),
    ("domains", "domain", "docker"),
    ("hardware", "hardware_generation", "nodes"),
)


@pytest.mark.parametrize(("resource", "field", "by"), REFERRED)
def test_a_row_with_references_is_kept_and_their_number_reported(
    shared: Service, resource: str, field: str, by: str
) -> None:
    target = shared.make(resource)
    referrers = [shared.make(by, **_reference(field, target)) for _ in range(3)]
    noun = "docker image" if by == "docker" else "node"
    path = f"/v1/{resource}/{target['pk']}"
    assert f"3 {noun}s" in refused(shared.staff.delete(path), 409, code="in_use")["detail"]
    for referrer in referrers[:2]:
        shared.staff.delete(f"/v1/{by}/{referrer['pk']}{'/hard' if by == 'docker' else ''}")
    detail = refused(shared.staff.delete(path), 409, code="in_use")["detail"]
    assert f"1 {noun}" in detail
    assert f"1 {noun}s" not in detail
    shared.staff.delete(f"/v1/{by}/{referrers[2]['pk']}{'/hard' if by == 'docker' else ''}")
    assert shared.staff.delete(path).status_code == 204
    refused(shared.staff.get(path), 404)


def test_a_softly_deleted_image_still_refers(shared: Service) -> None:
    framework = shared.make("frameworks")
    made = shared.make("docker", framework=framework["pk"])
    shared.staff.delete(LOADED.format(**made))
    refused(shared.staff.delete(f"/v1/frameworks/{framework['pk']}"), 409, code="in_use")


def _reference(field: str, target: dict[str, Any]) -> dict[str, Any]:
    if field == "domain":
        return {"domain": target["name"]}
    if field == "hardware_generation":
        return {"hardware_generation": target["pk"], "compute_capability": None}
    return {field: target["pk"]}


def test_a_reinstated_image_has_the_etag_that_it_is_loaded_with(service: Service, gone: dict[str, Any]) -> None:
    path = LOADED.format(**gone)
    back = service.staff.delete(f"{path}/reinstate?expand=framework")
    assert back.headers["etag"] == service.staff.get(f"{path}?expand=framework").headers["etag"]
