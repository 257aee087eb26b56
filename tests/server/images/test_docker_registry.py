"""Where an image lies, and the credentials for it: `url`, `registry`, `registry_username`, `registry_password`."""

import itertools
from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service

DIGEST = "sha256:" + "0123456789abcdef" * 4
SECRET = "kZ7-registry-secret"
LOGIN = {"registry_username": "robot", "registry_password": SECRET}

GOOD_URLS = (
    "ubuntu",
    "ubuntu:22.04",
    "nvidia/cuda:12.4.1-base-ubuntu22.04",
    f"nvidia/cuda@{DIGEST}",
    f"nvidia/cuda:12.4.1@{DIGEST}",
)
BAD_URLS = (
    " ",
    "ubuntu :1",
    "registry.example.com/UPPER/case",
    "registry.example.com/",
    "registry.example.com/a//b",
    "registry.example.com/team/image:",
    "registry.example.com/team/image:bad tag",
    "registry.example.com/team/image@sha256:short",
    "registry.example.com/team/image@" + "md5:0",
    "registry.example.com/team/image@" + DIGEST[:-2],
    "registry.example.com/team/image@sha999:" + "0" * 64,
    "registry.example.com/team/image@" + DIGEST.upper().replace("SHA", "sha"),
    "https://registry.example.com/team/image:1",
    "registry.example.com/team/image:" + "t" * 129,
    "registry.example.com/" + "r" * 300,
    "a/../b",
    "-leading",
    "image:1\n",
)
HUB = ("https://docker.io", "docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io")
HUB_URLS = ("ubuntu:22.04", "nvidia/cuda:12.4.1-base", "docker.io/nvidia/cuda:1", "index.docker.io/library/ubuntu:1")

AGREE = (
    *itertools.product(HUB, HUB_URLS),
    ("https://registry.example.com", "registry.example.com/a:1"),
    ("https://registry.example.com/", "registry.example.com/a:1"),
    ("registry.example.com", "registry.example.com/a:1"),
    ("http://registry.example.com:5000", "registry.example.com:5000/a:1"),
    ("registry.example.com:5000", "registry.example.com:5000/a:1"),
    ("Registry.Example.com", "registry.example.com/a:1"),
    ("localhost:5000", "localhost:5000/a:1"),
    ("http://[::1]:5000", "[::1]:5000/a:1"),
)
DISAGREE = (
    ("https://other.example.com", "registry.example.com/a:1"),
    ("https://registry.example.com:5001", "registry.example.com:5000/a:1"),
    ("https://docker.io", "registry.example.com/a:1"),
    ("registry.example.com", "docker.io/library/ubuntu:1"),
    ("registry.example.com", "index.docker.io/library/ubuntu:1"),
    ("localhost:5000", "localhost:5001/a:1"),
)


WITH_PATH = (
    *(
        "registry.example.com/team",
        "https://registry.example.com/team/repo/",
        "http://registry.example.com:5000//group",
    ),
    *(
        "https://registry.example.com/v2/",
        "https://index.docker.io/v1/library",
        "docker.io/nvidia",
        "hub.example.com/.",
    ),
    *("https://registry.example.com?team=a", "https://registry.example.com/#team", "https://a:b@registry.example.com"),
)


@pytest.mark.parametrize("registry", WITH_PATH)
def test_a_registry_has_no_path(shared: Service, registry: str) -> None:
    """Dropped without a word, it would make another image of the url; so wherever a registry is named."""
    body = catalogue.image(registry=registry, url="image:1")
    refused(shared.staff.post("/v1/docker/create", json=body), 422, code="bad_registry", field="registry")
    path = f"/v1/docker/{shared.make('docker', registry='registry.example.com', url='image:1')['pk']}"
    refused(shared.staff.patch(path, json={"registry": registry}), 422, code="bad_registry", field="registry")
    rotation = {"registry": registry, "registry_username": "a", "registry_password": "b"}
    refused(shared.staff.post("/v1/credentials/rotate", json=rotation), 422, code="bad_registry", field="registry")


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_url_is_a_reference_as_docker_pull_takes_it(shared: Service, url: str) -> None:
    assert shared.make("docker", url=url, registry="docker.io")["url"] == url


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_docker_pull_would_refuse_is_refused(shared: Service, url: str) -> None:
    refused(shared.staff.post("/v1/docker/create", json=catalogue.image(url=url)), 422, field="url")


@pytest.mark.parametrize(("registry", "url"), AGREE)
def test_a_registry_agrees_with_its_own_images(shared: Service, registry: str, url: str) -> None:
    made = shared.make("docker", registry=registry, url=url)
    assert (made["registry"], made["url"]) == (registry, url)


@pytest.mark.parametrize(("registry", "url"), DISAGREE)
def test_a_registry_that_is_not_the_urls_is_refused(shared: Service, registry: str, url: str) -> None:
    body = refused(shared.staff.post("/v1/docker/create", json=catalogue.image(registry=registry, url=url)), 422)
    assert {part["field"] for part in body["errors"]} & {"registry", "url"}


def test_a_partial_update_must_leave_url_and_registry_in_agreement(shared: Service) -> None:
    made = shared.make("docker")
    for change in ({"registry": "https://other.example.com"}, {"url": "other.example.com/a:1"}):
        refused(shared.staff.patch(f"/v1/docker/{made['pk']}", json=change), 422)
    both = {"registry": "https://other.example.com", "url": "other.example.com/a:1"}
    assert shared.staff.patch(f"/v1/docker/{made['pk']}", json=both).status_code == 200


@pytest.mark.parametrize(
    "half",
    [
        {"registry_username": "robot", "registry_password": None},
        {"registry_username": None, "registry_password": SECRET},
    ],
)
def test_user_name_and_password_are_both_set_or_both_null(shared: Service, half: dict[str, Any]) -> None:
    answer = shared.staff.post("/v1/docker/create", json=catalogue.image(**half))
    body = refused(answer, 422)
    assert {part["field"] for part in body["errors"]} & {"registry_username", "registry_password"}
    assert SECRET not in answer.text
    made = shared.make("docker", **LOGIN)
    emptied = {field: None for field, value in half.items() if value is None}
    refused(shared.staff.patch(f"/v1/docker/{made['pk']}", json=emptied), 422)


def test_credentials_can_be_changed_and_removed(shared: Service) -> None:
    path = f"/v1/docker/{shared.make('docker', **LOGIN)['pk']}"
    for change in ({"registry_password": "another"}, {"registry_username": "robot2"}):
        assert shared.staff.patch(path, json=change).json().items() >= change.items()
    gone = {"registry_username": None, "registry_password": None}
    assert shared.staff.patch(path, json=gone).json().items() >= gone.items()


def test_staff_see_the_credentials_and_an_ordinary_user_sees_null(shared: Service) -> None:
    made = shared.make("docker", **LOGIN)
    only_it = {"expressions": [{"type": "exact", "field": "pk", "value": made["pk"]}]}
    for client, expected in ((shared.staff, LOGIN), (shared.user, dict.fromkeys(LOGIN))):
        loaded = client.get(f"/v1/docker/{made['pk']}").json()
        (listed,) = client.post("/v1/docker/list", json=only_it).json()
        question = {"worker": {"driver_version": "580.65.06", "compute_capability": "8.6"}, "filter": only_it}
        matched = client.post("/v1/docker/match", json=question).json()["matches"]
        for image in (loaded, listed, *(match["image"] for match in matched)):
            assert {field: image[field] for field in LOGIN} == expected
        assert len(matched) == 1


@pytest.mark.parametrize("field", [*LOGIN, "creator.email", "creator.last_login", "creator.is_staff"])
def test_what_a_user_does_not_see_cannot_be_found_out_by_a_filter(shared: Service, field: str) -> None:
    shared.make("docker", **LOGIN)
    for specification in (
        {"expressions": [{"type": "is_null", "field": field}]},
        {"expressions": [{"type": "contains", "field": field, "sub_string": "a"}]},
        {"order_by": [{"field": field}]},
    ):
        refused(shared.user.post("/v1/docker/list", json=specification), 422, code="unknown_field")


def test_a_passwords_reader_does_not_share_a_cached_answer_with_others(shared: Service) -> None:
    path = f"/v1/docker/{shared.make('docker', **LOGIN)['pk']}"
    seen_by_staff = shared.staff.get(path)
    answer = shared.user.get(path, headers={"If-None-Match": seen_by_staff.headers["etag"]})
    assert answer.status_code == 200
    assert answer.json()["registry_password"] is None
    assert "public" not in answer.headers.get("cache-control", "")


REDIRECTED_URLS = (
    ("gcr.io/proj/img:1", "gcr.io"),
    ("ghcr.io/a/b:1", "https://ghcr.io"),
    ("nvcr.io/nvidia/pytorch:24.05-py3", "https://nvcr.io"),
)


@pytest.mark.parametrize(("url", "registry"), REDIRECTED_URLS)
def test_well_known_registries_are_taken(shared: Service, url: str, registry: str) -> None:
    assert shared.make("docker", url=url, registry=registry)["registry"] == registry
