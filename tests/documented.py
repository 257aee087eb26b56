"""What the OpenAPI document says of an answer: its status, media type and headers. Every in-process client is held to it."""

from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from bayplan.server.http.router import Router

OF_ALL_ANSWERS = frozenset({"content-length", "content-type", "date", "connection", "transfer-encoding"}) | {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
}
"""Headers of HTTP itself, and those for browsers that the server adds to every answer: no document names them."""


@cache
def _router() -> "Router[dict[str, Any]]":
    from bayplan.server.documentation import document  # here: tests of the rules need not wait for the web framework
    from bayplan.server.http.router import Router
    from bayplan.server.routes import API_ROUTES

    paths = document(API_ROUTES)["paths"]
    return Router(
        (route.method, route.path, paths[route.path][route.method.lower()]["responses"]) for route in API_ROUTES
    )


def assert_documented(method: str, path: str, answer: httpx2.Response) -> None:
    """Asserts that the document has this answer to a documented operation."""
    from bayplan.server.http.application import normalized

    match = _router().find(method, normalized(path))
    if match is None:
        return
    responses, name = match[0], f"{method} {path}: {answer.status_code}"
    assert str(answer.status_code) in responses, f"{name} is not in the document"
    documented = responses[str(answer.status_code)]
    headers = {header.lower() for header in documented.get("headers", {})}
    undocumented = {header.lower() for header in answer.headers} - headers - OF_ALL_ANSWERS
    assert not undocumented, f"{name} has the undocumented headers {sorted(undocumented)}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type or documented.get("content"):
        assert media_type in documented.get("content", {}), f"{name} has the undocumented media type {media_type!r}"
