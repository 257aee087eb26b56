"""One error shape for everything: every route of the documentation, asked in every wrong way."""

import itertools
import time
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.quick import quickest

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
JSON = {"Content-Type": "application/json"}


def paths(service: Service) -> dict[str, dict[str, Any]]:
    """The documented paths with their operations."""
    document = service.anonymous.get("/openapi.json").json()
    operations: dict[str, dict[str, Any]] = document["paths"]
    return operations


def concrete(path: str, pk: object = 1) -> str:
    """The path with a key in every place for one."""
    return "/".join(str(pk) if part.startswith("{") else part for part in path.split("/"))


def operations(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    """Every documented (method, path, operation)."""
    return [
        (method.upper(), path, operation)
        for path, methods in paths(service).items()
        for method, operation in methods.items()
        if method.upper() in METHODS
    ]


def test_the_documentation_names_every_specified_path(shared: Service) -> None:
    documented = {(method, path.rstrip("/").replace("{PK}", "{pk}")) for method, path, _ in operations(shared)}
    names = {concrete(path, "*") for _, path in documented}
    for resource in (*catalogue.BODIES,):
        for method, path in (
            ("POST", "list"), ("POST", "create"), ("GET", "*"), ("PUT", "*"), ("PATCH", "*"), ("DELETE", "*"),
        ):  # fmt: skip
            assert (method, f"/v1/{resource}/{path}") in {(m, concrete(p, "*")) for m, p in documented}
    for path in (
        "/v1/docker/match", "/v1/docker/*/nodes", "/v1/nodes/*/images", "/v1/docker/*/facts", "/v1/docker/*/hard",
        "/v1/docker/*/reinstate", "/v1/licences/*/subdescriptors", "/v1/hardware/get-hardware-generation/*",
        "/v1/nodes/ping", "/v1/auth/obtain", "/v1/auth/refresh", "/v1/auth/verify", "/healthz", "/readyz",
    ):  # fmt: skip
        assert path in names


def test_every_operation_says_what_it_does_and_describes_its_errors(shared: Service) -> None:
    for method, path, operation in operations(shared):
        assert operation.get("summary"), (method, path)
        for status, response in operation["responses"].items():
            assert response["description"], (method, path, status)
            if status.startswith(("4", "5")):
                assert "application/problem+json" in response["content"], (method, path, status)


def test_a_wrong_method_is_405_and_says_which_are_right(shared: Service) -> None:
    by_shape: dict[str, set[str]] = {}
    patterns = list(paths(shared))
    for method, path, _ in operations(shared):
        by_shape.setdefault(concrete(path), set()).add(method)
    for path, methods in by_shape.items():
        allowed = methods | set().union(*(by_shape[other] for other in by_shape if _overlaps(path, other, patterns)))
        for method in set(METHODS) - allowed:
            answer = shared.staff.request(method, path)
            refused(answer, 405, code="method_not_allowed")
            assert methods <= {name.strip() for name in answer.headers["allow"].split(",")}, (method, path)


def _overlaps(path: str, other: str, patterns: list[str]) -> bool:
    """Whether `other` is one of the patterns, and `path` fits it too (`/v1/docker/list` fits `/v1/docker/{PK}`)."""
    return any(
        concrete(pattern) == other
        and len(pattern.split("/")) == len(path.split("/"))
        and all(a == b or a.startswith("{") for a, b in zip(pattern.split("/"), path.split("/"), strict=True))
        for pattern in patterns
    )


MALFORMED = (b"{", b"[1,", b"nul", b"\xff\xfe", b'{"a": 1} extra', b"'single'", b'{"a": NaN}', b'{"a": 1e400}', b"\x00")


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_json_is_400_wherever_a_body_is_read(shared: Service, content: bytes) -> None:
    image, node = shared.make("docker")["pk"], shared.make("nodes")["pk"]
    for method, path, operation in operations(shared):
        if "requestBody" not in operation:
            continue
        key = image if "/docker/" in path else node if "/nodes/" in path else 1
        answer = shared.staff.request(method, concrete(path, key), content=content, headers=JSON)
        assert answer.status_code in ((400, 422) if b": " in content else (400,)), (method, path, answer.text)
        refused(answer, answer.status_code)


@pytest.mark.parametrize("content", [b"[]", b"5", b'"text"', b"true"])
def test_a_body_of_another_kind_is_422_wherever_a_body_is_read(shared: Service, content: bytes) -> None:
    image, node = shared.make("docker")["pk"], shared.make("nodes")["pk"]
    for method, path, operation in operations(shared):
        if "requestBody" in operation:
            key = image if "/docker/" in path else node if "/nodes/" in path else 1
            refused(shared.staff.request(method, concrete(path, key), content=content, headers=JSON), 422)


def test_a_body_that_is_needed_and_missing_is_refused(shared: Service) -> None:
    for method, path, operation in operations(shared):
        if operation.get("requestBody", {}).get("required"):
            answer = shared.staff.request(method, concrete(path))
            assert answer.status_code in (400, 422), (method, path)
            refused(answer, answer.status_code)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_a_body_that_says_that_it_is_not_json_is_refused(shared: Service, content_type: str) -> None:
    content = b"name=x"
    answer = shared.staff.post("/v1/docker/create", content=content, headers={"Content-Type": content_type})
    assert answer.status_code in (400, 415, 422)
    refused(answer, answer.status_code)


BAD_KEYS = ("x", "1.5", "1e3", "%00", "%F0%9F%98%80", "-", "0x10", "1%20", "%2e%2e", "٣", "9" * 400)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_no_key_is_404_or_422(shared: Service, key: str) -> None:
    for method, path, operation in operations(shared):
        if "{" in path and "get-hardware" not in path:
            body: dict[str, Any] = {"json": {}} if "requestBody" in operation else {}
            answer = shared.staff.request(method, concrete(path, key), **body)
            assert answer.status_code in (404, 405, 422), (method, path, answer.text)
            refused(answer, answer.status_code)


NOWHERE = (
    "/",
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/docker",
    "/v1/docker/1/2/3",
    "/v1//docker/list",
    "/favicon.ico",
    "/v2/",
)


@pytest.mark.parametrize(("path", "method"), tuple(itertools.product(NOWHERE, METHODS)))
def test_a_path_that_is_none_is_404(shared: Service, path: str, method: str) -> None:
    answer = shared.staff.request(method, path, headers={"Accept": "application/json"})  # at `/` is a page for others
    assert answer.status_code in (404, 405)
    refused(answer, answer.status_code)


def test_every_problem_of_a_body_is_named_at_once(shared: Service) -> None:
    body = catalogue.image(name="", tasks=[], cpu="x", colour=1)
    problem = refused(shared.staff.post("/v1/docker/create", json=body), 422)
    assert {"name", "tasks", "cpu", "colour"} <= {part["field"] for part in problem["errors"]}


@pytest.mark.parametrize("body", ["{%s}", '{"expressions": [{"type": "exact", %s}]}', '{"worker": {%s}}'])
def test_hundreds_of_thousands_of_unknown_fields_are_refused_in_no_time(shared: Service, body: str) -> None:
    junk = body % ",".join(f'"f{number}":0' for number in range(300_000))
    path = "/v1/docker/match" if "worker" in body else "/v1/docker/list"

    def attempt() -> float:
        begun = time.process_time()
        refused(shared.user.post(path, content=junk), 422, code="too_many_fields")
        return time.process_time() - begun

    assert quickest(attempt, 0.3) < 0.3


def test_an_error_does_not_repeat_what_was_sent_as_a_password(shared: Service) -> None:
    secret = "kept-to-ourselves"
    for path, body in (
        ("docker/create", catalogue.image(registry_password=secret, registry_username=None)),
        ("docker/create", catalogue.image(registry_password=[secret], registry_username="x")),
        ("users/create", catalogue.user(password={"a": secret})),
        ("users/create", catalogue.user(password=secret, colour=1)),
        ("auth/obtain", {"username": "x", "password": [secret]}),
    ):
        answer = shared.staff.post(f"/v1/{path}", json=body)
        refused(answer, 422)
        assert secret not in answer.text


def test_head_and_options_are_answered_without_a_failure(shared: Service) -> None:
    for path in ("/v1/docker/1", "/v1/docker/list", "/healthz"):
        for method in ("HEAD", "OPTIONS", "TRACE", "BREW"):
            answer: httpx2.Response = shared.staff.request(method, path)
            assert answer.status_code < 500
