"""Tokens for programs, for tests."""

from typing import Any

import httpx2

from tests.conftest import Service


def made(client: httpx2.Client, name: str = "ci", *scopes: str, **more: object) -> dict[str, Any]:
    """The answer to making a token, good for `read` unless scopes are named."""
    answer = client.post("/v1/tokens/create", json={"name": name, "scopes": list(scopes or ("read",)), **more})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def program(service: Service, by: httpx2.Client, name: str = "ci", *scopes: str) -> httpx2.Client:
    """A client that acts by a new token of the user of `by`."""
    return service.client(made(by, name, *scopes)["token"])
