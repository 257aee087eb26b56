"""Two server processes on one database: what one has written, the next request to the other reads, and revocation is at once."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.conftest import KINDS, USER
from tests.postgres import Postgres
from tests.process import Server, running_server

ROUNDS = 25
NODE = {"driver_version": "550.54.15", "compute_capability": "8.6", "architecture": "amd64"}


@pytest.fixture(params=KINDS)
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two processes with the same keys, on the same database."""
    with contextlib.ExitStack() as stack:
        settings: dict[str, str] = {}
        if request.param == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            settings["database"] = postgres.create("two_processes")
            stack.callback(postgres.drop, "two_processes")
        home = tmp_path / "home"
        first = stack.enter_context(running_server(home, **settings))
        first.stock()
        yield first, stack.enter_context(running_server(home, **settings))


def _views(client: httpx2.Client, pk: int) -> dict[str, Any]:
    """An image as every kind of read has it; its name where it is there."""
    by_framework = {"expressions": [{"type": "exact", "field": "framework.name", "value": "PyTorch"}]}
    by_name = {"expressions": [{"type": "contains", "field": "name", "sub_string": "i"}]}
    match = client.post("/v1/docker/match", json={"worker": NODE, "explain": True}).json()
    loaded = client.get(f"/v1/docker/{pk}").json()
    return {
        "load": loaded["name"],
        "deleted": loaded["deletion_time"] is not None,
        "list": _name(client.post("/v1/docker/list").json(), pk),
        "page": _name(client.post("/v1/docker/list?limit=1000").json(), pk),
        "exact": _name(client.post("/v1/docker/list", json=by_framework).json(), pk),
        "sql": _name(client.post("/v1/docker/list", json=by_name).json(), pk),
        "match": _name([entry["image"] for entry in (*match["matches"], *match["rejected"])], pk),
        "export": [image["name"] for image in client.get("/v1/catalogue/export").json()["images"]],
    }


def _name(images: list[dict[str, Any]], pk: int) -> str | None:
    return next((image["name"] for image in images if image["pk"] == pk), None)


def test_what_one_process_wrote_the_other_reads_with_its_next_request(servers: tuple[Server, Server]) -> None:
    with servers[0].client() as first, servers[1].client() as second:
        for number in range(ROUNDS):
            writer, reader = (first, second) if number % 2 else (second, first)
            made = writer.post("/v1/docker/create", json=catalogue.image(name=f"it-{number}")).raise_for_status()
            pk = made.json()["pk"]
            views = _views(reader, pk)
            assert f"it-{number}" in views.pop("export")
            assert views.pop("deleted") is False
            assert set(views.values()) == {f"it-{number}"}
            writer.patch(f"/v1/docker/{pk}", json={"name": f"its-{number}"}).raise_for_status()
            views = _views(reader, pk)
            assert f"its-{number}" in views.pop("export")
            assert views.pop("deleted") is False
            assert set(views.values()) == {f"its-{number}"}
            writer.delete(f"/v1/docker/{pk}").raise_for_status()
            views = _views(reader, pk)
            assert f"its-{number}" not in views.pop("export")
            assert (views.pop("load"), views.pop("deleted")) == (f"its-{number}", True)
            assert set(views.values()) == {None}


def test_who_is_deactivated_at_one_process_is_refused_at_the_other_at_once(servers: tuple[Server, Server]) -> None:
    with servers[0].client() as staff, httpx2.Client(base_url=servers[1].url, timeout=30) as other:
        user = staff.post("/v1/users/create", json=catalogue.user(username=USER[0], password=USER[1])).json()
        answer = other.post("/v1/auth/obtain", json={"username": USER[0], "password": USER[1]}).raise_for_status()
        other.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        asks: list[Callable[[], httpx2.Response]] = [
            lambda: other.post("/v1/docker/list"),
            lambda: other.post("/v1/docker/match", json={"worker": NODE}),
        ]
        for ask in asks * 2:
            assert ask().status_code == 200
        staff.patch(f"/v1/users/{user['pk']}", json={"is_active": False}).raise_for_status()
        for ask in asks:
            assert ask().status_code == 401
