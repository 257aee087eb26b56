"""A machine that has joined, for tests: its credential, its nodes, and a client that is logged in as the worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests import catalogue
from tests.conftest import Service


@dataclass(frozen=True)
class Joined:
    """A worker: the answer to joining, the body that was sent, and its client."""

    answer: dict[str, Any]
    body: dict[str, Any]
    client: httpx2.Client

    @property
    def nodes(self) -> list[int]:
        """The pks of its nodes."""
        return [node["pk"] for node in self.answer["nodes"]]

    def as_node(self, index: int = 0) -> dict[str, str]:
        """The header with which it acts for one of them."""
        return {"Node-Id": str(self.nodes[index])}


def join_token(service: Service, **options: int) -> str:
    """A new join token."""
    made = service.staff.post("/v1/nodes/join-tokens", json=options)
    assert made.status_code == 201, made.text
    token: str = made.json()["token"]
    return token


def join(
    service: Service, body: dict[str, Any], token: str | None = None, address: str = "127.0.0.1"
) -> httpx2.Response:
    """Joins from that network address, with a join token of its own unless one is given."""
    with service.client(token or join_token(service), address) as client:
        return client.post("/v1/nodes/join", json=body)


def obtain(service: Service, worker: str, secret: str) -> httpx2.Response:
    """Logs in as a worker."""
    return service.anonymous.post("/v1/auth/obtain", json={"worker": worker, "secret": secret})


@contextmanager
def joined(service: Service, gpus: int = 2, **changes: Any) -> Iterator[Joined]:
    """A machine that joins and logs in."""
    body = catalogue.machine(gpus, **changes)
    answer = join(service, body)
    assert answer.status_code == 201, answer.text
    tokens = obtain(service, answer.json()["worker"], answer.json()["secret"]).json()
    with service.client(tokens["access"]) as client:
        yield Joined(answer.json(), body, client)
