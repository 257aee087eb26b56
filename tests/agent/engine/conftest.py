"""A real engine, real registries of all kinds of credentials, a real server, and machines that have joined it."""

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.agent.box import Box, Running
from tests.agent.documents import A6000
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.podman import running_podman
from tests.agent.engine.running import Dockerd, running_engine
from tests.process import Server, running_server
from tests.registry.running import KINDS, Kind, Registry, running_registry

Body = dict[str, Any]
Enter = Callable[..., Body]
PREFETCH_SECONDS = 0.3
Runs = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Registry]]:
    """A registry of each kind."""
    import contextlib

    with contextlib.ExitStack() as stack:
        yield {kind: stack.enter_context(running_registry(kind, tmp_path_factory.mktemp(kind))) for kind in KINDS}


@pytest.fixture(scope="session")
def registry(registries: dict[Kind, Registry]) -> Registry:
    """The registry without credentials."""
    return registries["open"]


@pytest.fixture(scope="session")
def engine() -> Iterator[Dockerd]:
    """An engine with a GPU runtime. Of registries on this machine it takes any certificate."""
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def podman() -> Iterator[str]:
    """The address of a Podman."""
    with running_podman() as address:
        yield address


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, registries: dict[Kind, Registry]) -> Iterator[Server]:
    """A server that may ask these registries."""
    home = tmp_path_factory.mktemp("server") / "home"
    settings = {"registry_allow_private": "127.0.0.0/8", "registry_ca": str(registries["tls"].ca)}
    with running_server(home, **settings) as server:
        server.stock()
        yield server


@pytest.fixture
def staff(server: Server) -> Iterator[httpx2.Client]:
    """A client that is logged in as staff."""
    with server.client() as client:
        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of this test alone: of its task, its images, its machine."""
    text = request.node.name.lower()
    return f"{re.sub('[^a-z0-9]+', '-', text)[:40].strip('-')}-{zlib.crc32(request.node.nodeid.encode()):x}"


@pytest.fixture
def machine(server: Server, staff: httpx2.Client, tmp_path: Path, name: str) -> Box:
    """A machine with two RTX A6000 that has joined."""
    box = Box(tmp_path)
    box.has("535.104.05", A6000, A6000)
    _join(box, server, staff, name)
    return box


@pytest.fixture
def machine_without_gpu(server: Server, staff: httpx2.Client, tmp_path: Path, name: str) -> Box:
    """A machine without GPU that has joined."""
    box = Box(tmp_path)
    _join(box, server, staff, name, without_gpu=True)
    return box


def _join(box: Box, server: Server, staff: httpx2.Client, name: str, *, without_gpu: bool = False) -> None:
    token = staff.post("/v1/nodes/join-tokens", json={}).json()["token"]
    box.join(server.url, token, f"{name}.example.net", without_gpu=without_gpu)


@pytest.fixture
def enter(staff: httpx2.Client, name: str) -> Enter:
    """Enters a pushed image into the catalogue, for this test's task, and inspects it unless `inspect` is False."""

    def entered(pushed: Pushed, *, inspect: bool = True, **changes: object) -> Body:
        credentials = pushed.registry.login
        body = catalogue.image(
            url=pushed.url,
            registry=f"http{'s' if pushed.registry.ca else ''}://{pushed.registry.host}",
            tasks=[name],
            cuda_version="12.2.2",
            registry_username=credentials.username if credentials else None,
            registry_password=credentials.password if credentials else None,
        )
        made = staff.post("/v1/docker/create", json=body | changes)
        assert made.status_code == 201, made.text
        image: Body = made.json()
        if inspect:
            inspected = staff.post(f"/v1/docker/{image['pk']}/inspection")
            assert inspected.status_code == 200, inspected.text
        return image

    return entered


@pytest.fixture
def image(registry: Registry, enter: Enter, name: str) -> tuple[Pushed, Body]:
    """An image in a registry, and in the catalogue."""
    pushed = push(registry, f"team/{name}")
    return pushed, enter(pushed)


@pytest.fixture
def runs(engine: Dockerd, machine: Box) -> Runs:
    """Runs the agent, which asks for the desired images some times a second."""

    def running(**options: Any) -> AbstractContextManager[Running]:
        return machine.running(**{"prefetch_seconds": PREFETCH_SECONDS, "engine": engine.address, **options})

    return running


@pytest.fixture
def rule(staff: httpx2.Client, name: str) -> Iterator[Body]:
    """A rule: the images of this test's task are desired on this test's machine, by name."""
    body = {
        "name": name,
        "nodes": {"expressions": [{"type": "exact", "field": "ip", "value": f"{name}.example.net"}]},
        "images": {
            "expressions": [{"type": "exact", "field": "tasks", "value": name}],
            "order_by": [{"field": "name"}],
        },
    }
    made = staff.post("/v1/prefetch/create", json=body)
    assert made.status_code == 201, made.text
    yield made.json()
    staff.delete(f"/v1/prefetch/{made.json()['pk']}")


@pytest.fixture
def read_inventory(staff: httpx2.Client, machine: Box) -> Callable[[], dict[int, Body]]:
    """Gives what the server shows of images for the machine's first node, by image."""

    def by_image() -> dict[int, Body]:
        entries = staff.get(f"/v1/nodes/{machine.kept.nodes[0]}/holdings").json()["images"]
        return {entry["image"]: entry for entry in entries}

    return by_image
