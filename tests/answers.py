"""The rules of every answer: the shape of an error, the text of a timestamp."""

import re
from typing import Any

import httpx2

PROBLEM_KEYS = {"type", "title", "status", "code", "detail", "errors"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TITLES_CODE = re.compile(r"[a-z][a-z0-9_]*")


def refused(answer: httpx2.Response, status: int, code: str | None = None, field: str | None = None) -> dict[str, Any]:
    """Asserts that `answer` is an error with this status in the one shape; gives its body.

    `code` is the code of the whole, or of one of its parts. `field` is what at least one part has to name.
    """
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text[:2000]}"
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == PROBLEM_KEYS, body
    assert body["status"] == status
    assert isinstance(body["type"], str)
    assert isinstance(body["title"], str)
    assert body["title"]
    assert TITLES_CODE.fullmatch(body["code"]), body
    assert body["detail"].endswith((".", "?")), body
    assert body["detail"][0] == body["detail"][0].upper(), body
    assert isinstance(body["errors"], list)
    for part in body["errors"]:
        assert set(part) == {"field", "code", "detail"}, body
        assert isinstance(part["field"], str)  # empty where the whole body is meant
        assert part["code"], body
        assert part["detail"], body
    if code is not None:
        assert code in [body["code"], *(part["code"] for part in body["errors"])], body
    if field is not None:
        assert field in [part["field"] for part in body["errors"]], body
    return body


def timestamp(text: object) -> str:
    """Asserts that `text` is an RFC 3339 time in UTC with `Z`; gives it."""
    assert isinstance(text, str)
    assert TIMESTAMP.fullmatch(text), text
    return text
