"""Naming what an image refers to: by pk or natural key in a request, as ids or nested objects in an answer; aliases."""

from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.answers import refused
from tests.catalogue import DOCKER_FIELDS
from tests.conftest import Service

EXPANDABLE = {
    "cuda_version": "cuda",
    "framework": "frameworks",
    "min_hardware_generation": "hardware",
    "licence": "licences",
    "creator": "users",
}
ALL = ",".join(EXPANDABLE)


def only(service: Service, resource: str, field: str, value: object) -> dict[str, Any]:
    """The only object of a resource with that value."""
    body = {"expressions": [{"type": "exact", "field": field, "value": value}]}
    (row,) = service.staff.post(f"/v1/{resource}/list", json=body).json()
    assert isinstance(row, dict)
    return row


NATURAL = (
    ("cuda_version", "cuda", "full_version", "12.4.1", ("12.4.1",)),
    ("min_hardware_generation", "hardware", "generation", "Ampere", ("Ampere",)),
    ("framework", "frameworks", "version", "2.4", ("PyTorch 2.4",)),
    ("licence", "licences", "name", "MIT License", ("MIT", "MIT License")),
)


@pytest.mark.parametrize(("field", "resource", "key", "value", "names"), NATURAL)
def test_a_reference_is_given_as_pk_or_natural_key(
    shared: Service, field: str, resource: str, key: str, value: str, names: tuple[str, ...]
) -> None:
    pk = only(shared, resource, key, value)["pk"]
    for reference in (pk, *names):
        made = shared.make("docker", **{field: reference})
        assert made[field] == pk
        changed = shared.staff.patch(f"/v1/docker/{made['pk']}", json={field: reference})
        assert changed.json()[field] == pk


def test_a_short_cuda_version_names_a_release_of_it(shared: Service) -> None:
    made = shared.make("docker", cuda_version="12.4")
    assert shared.staff.get(f"/v1/cuda/{made['cuda_version']}").json()["version"] == "12.4"


def test_a_framework_with_spaces_in_its_name_is_found(shared: Service) -> None:
    made = shared.make("frameworks", name="Paddle Paddle", version="2.6 LTS")
    assert shared.make("docker", framework="Paddle Paddle 2.6 LTS")["framework"] == made["pk"]


@pytest.mark.parametrize("nothing", ["0.0", None])
def test_no_cuda_in_the_image_is_null_or_0_0(shared: Service, nothing: str | None) -> None:
    assert shared.make("docker", cpu=True, cuda_version=nothing)["cuda_version"] is None


@pytest.mark.parametrize(
    ("alias", "name", "value"),
    [("registry_url", "registry", "https://registry.example.com"), ("license", "licence", "MIT")],
)
def test_an_alias_is_taken_and_the_specified_name_answered(shared: Service, alias: str, name: str, value: str) -> None:
    body = catalogue.image(version="alias")
    expected = shared.make("docker")[name]
    del body[name]
    created = shared.staff.post("/v1/docker/create", json=body | {alias: value})
    assert created.status_code == 201, created.text
    path = f"/v1/docker/{created.json()['pk']}"
    for answer in (
        created,
        shared.staff.put(path, json=body | {alias: value}),
        shared.staff.patch(path, json={alias: value}),
        shared.staff.get(path),
    ):
        assert list(answer.json()) == list(DOCKER_FIELDS)
        assert answer.json()[name] == expected


@pytest.mark.parametrize(("alias", "name"), [("registry_url", "registry"), ("license", "licence")])
def test_an_alias_beside_its_own_name_is_refused(shared: Service, alias: str, name: str) -> None:
    body = catalogue.image()
    answer = refused(shared.staff.post("/v1/docker/create", json=body | {alias: body[name]}), 422)
    assert {part["field"] for part in answer["errors"]} & {alias, name}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "list"), ("GET", "1"), ("POST", "create"), ("PUT", "1"), ("PATCH", "1")]
)
def test_licenses_answers_as_licences(service: Service, method: str, path: str) -> None:
    body = None if method == "GET" or path == "list" else catalogue.licence()
    answer = service.staff.request(method, f"/v1/licenses/{path}", json=body)
    assert answer.status_code in (200, 201)
    pk = answer.json()[0]["pk"] if path == "list" else answer.json()["pk"]
    assert service.staff.get(f"/v1/licences/{pk}").json() == service.staff.get(f"/v1/licenses/{pk}").json()
    assert service.staff.delete(f"/v1/licenses/{service.make('licences')['pk']}").status_code == 204


def calls(service: Service, query: str) -> list[httpx2.Response]:
    """Load, list, create and both updates, with a query string."""
    created = service.staff.post(f"/v1/docker/create{query}", json=catalogue.image())
    path = f"/v1/docker/{created.json()['pk']}{query}"
    body = {"expressions": [{"type": "exact", "field": "pk", "value": created.json()["pk"]}]}
    return [
        created,
        service.staff.get(path),
        service.staff.put(path, json=catalogue.image()),
        service.staff.patch(path, json={"cpu": True}),
        service.staff.post(f"/v1/docker/list{query}", json=body),
    ]


def test_expand_nests_the_objects_in_place_of_their_ids(shared: Service) -> None:
    for answer in calls(shared, f"?expand={ALL}"):
        body = answer.json()
        image = body[0] if isinstance(body, list) else body
        assert list(image) == list(DOCKER_FIELDS)
        for field, resource in EXPANDABLE.items():
            assert image[field] == shared.staff.get(f"/v1/{resource}/{image[field]['pk']}").json(), field


@pytest.mark.parametrize("field", EXPANDABLE)
def test_expand_leaves_the_other_references_as_ids(shared: Service, field: str) -> None:
    for answer in calls(shared, f"?expand={field}"):
        image = answer.json()[0] if isinstance(answer.json(), list) else answer.json()
        assert isinstance(image[field], dict)
        assert all(isinstance(image[other], int) for other in set(EXPANDABLE) - {field})


def test_expanding_nothing_gives_null(shared: Service) -> None:
    made = shared.make("docker", cpu=True, cuda_version=None, min_hardware_generation=None)
    expanded = shared.staff.get(f"/v1/docker/{made['pk']}?expand={ALL}").json()
    assert expanded["cuda_version"] is None
    assert expanded["min_hardware_generation"] is None


@pytest.mark.parametrize("wrong", ["colour", "cuda_version,colour", "registry_password"])
def test_expanding_what_cannot_be_is_refused_by_name(shared: Service, wrong: str) -> None:
    pk = shared.make("docker")["pk"]
    body = refused(shared.staff.get(f"/v1/docker/{pk}?expand={wrong}"), 422, field="expand")
    assert wrong.split(",")[-1] in body["detail"]
    refused(shared.staff.post(f"/v1/docker/list?expand={wrong}"), 422, field="expand")
    count = len(shared.staff.post("/v1/docker/list").json())
    refused(shared.staff.post(f"/v1/docker/create?expand={wrong}", json=catalogue.image()), 422, field="expand")
    assert len(shared.staff.post("/v1/docker/list").json()) == count


def test_an_expanded_creator_gives_no_secret_away(shared: Service) -> None:
    pk = shared.make("docker")["pk"]
    creator = shared.user.get(f"/v1/docker/{pk}?expand=creator").json()["creator"]
    assert creator["username"] == "admin"
    assert not any("password" in field or "hash" in field for field in creator)


def test_no_two_frameworks_go_by_one_text(service: Service) -> None:
    service.make("frameworks", name="Object Detection", version="2")
    other = service.make("frameworks", name="Object", version="3")
    body = {"name": "Object", "version": "Detection 2"}
    refused(service.staff.post("/v1/frameworks/create", json=body), 409, code="duplicate")
    refused(service.staff.put(f"/v1/frameworks/{other['pk']}", json=body), 409, code="duplicate")
    assert service.staff.put(f"/v1/frameworks/{other['pk']}", json=body | {"version": "Detection 3"}).status_code == 200
