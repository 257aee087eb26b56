"""Requests made up from the OpenAPI document, thousands of them: no 5xx, and every answer as documented."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import catalogue
from tests.documented import assert_documented
from tests.fuzz import FACTOR, examples
from tests.process import Server

ASKING_REGISTRIES = (
    "/v1/docker/inspect",
    "/v1/docker/{pk}/inspection",
    "/v1/docker/{pk}/checks",
    "/v1/docker/{pk}/scan",
)
"""Paths whose answer is another server's, which is not there: tests/server/inspections has registries for them."""

HELD = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = examples(8)
"""For each operation, by staff; anybody tries fewer."""


@pytest.fixture(scope="module")
def stocked(server: Server) -> Iterator[Server]:
    """A server with something to find, so that not everything is 404."""
    with server.client() as client:
        for _ in range(3):
            assert client.post("/v1/docker/create", json=catalogue.image()).status_code == 201
            assert client.post("/v1/nodes/create", json=catalogue.node()).status_code == 201
    yield server
    assert "Traceback" not in server.log


def operations(server: Server) -> list[tuple[str, Any]]:
    """The documented operations, by name."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    all_operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [(f"{operation.method.upper()} {operation.path}", operation) for operation in all_operations]


def test_the_document_is_a_valid_openapi_document(stocked: Server) -> None:
    schema = schemathesis.openapi.from_url(f"{stocked.url}/openapi.json")
    schema.validate()
    assert len(operations(stocked)) > 50


def test_the_examples_of_the_document_work_unchanged(stocked: Server) -> None:
    document = httpx2.get(f"{stocked.url}/openapi.json").json()
    with stocked.client() as client:
        # An image's example names the framework of that resource's.
        for path, methods in sorted(document["paths"].items(), key=lambda item: "frameworks" not in item[0]):
            body = methods.get("post", {}).get("requestBody")
            if body is None or path.startswith("/v1/auth") or path in ("/v1/nodes/join", "/v1/users/me/password"):
                continue  # they take credentials of their own
            if path in (*ASKING_REGISTRIES, "/v1/credentials/rotate"):
                continue
            content = body["content"]["application/json"]
            examples = [content["example"]] if "example" in content else []
            examples += [example["value"] for example in content.get("examples", {}).values()]
            assert examples, f"POST {path} has no example"
            for example in examples:
                answer = client.post(path.replace("{pk}", "1"), json=example)
                assert answer.status_code in (200, 201, 202), (path, example, answer.text)


@pytest.mark.timeout(300 * FACTOR)
@pytest.mark.parametrize("who", ["staff", "nobody"])
def test_no_request_that_the_document_allows_gets_a_5xx_or_an_undocumented_answer(stocked: Server, who: str) -> None:
    token = stocked.token()
    headers = {"Authorization": f"Bearer {token}"} if who == "staff" else {}
    failures: list[str] = []
    for name, operation in operations(stocked):
        if name.startswith(("PUT /v1/users", "PATCH /v1/users", "DELETE /v1/users")) and who == "staff":
            continue  # it would take its own rights away
        if name.startswith("POST") and name.endswith(ASKING_REGISTRIES):
            continue

        @settings(
            max_examples=EXAMPLES if who == "staff" else examples(3),
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def hold(case: Any) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=HELD)
            headers_received = {name: ", ".join(values) for name, values in response.headers.items()}
            answer = httpx2.Response(response.status_code, headers=headers_received)
            assert_documented(case.method, case.formatted_path, answer)

        try:
            hold()
        except Exception as error:  # all of them are reported, not the first
            failures.append(f"{name}: {str(error)[:1500]}")
    assert not failures, "\n\n".join(failures)
