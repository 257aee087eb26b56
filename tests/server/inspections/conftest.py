"""Real registries with small real images in them, and the application with leave to ask this machine."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from bayplan.registry.auth import RegistryCredentials
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.registry.misbehaving import Handler, Server
from tests.registry.misbehaving import serving as misbehaving
from tests.registry.running import Registry, configuration, running_registry

Body = dict[str, Any]
CUDA = {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471"}
TORCH = CUDA | {"NV_CUDNN_VERSION": "9.1.0.70", "PYTORCH_VERSION": "2.4.1", "TORCH_CUDA_ARCH_LIST": "8.0 9.0+PTX"}


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without credentials."""
    with running_registry("open", tmp_path_factory.mktemp("open")) as registry:
        yield registry


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that sends to a token service."""
    with running_registry("bearer", tmp_path_factory.mktemp("bearer")) as registry:
        yield registry


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with TLS, and a certificate that nobody vouches for."""
    with running_registry("tls", tmp_path_factory.mktemp("tls")) as registry:
        yield registry


@pytest.fixture(scope="module")
def service(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1, over a catalogue that a module's tests share."""
    folder = tmp_path_factory.mktemp("inspecting")
    with serving(kind, request, template, loop, folder, registry_allow_private=("127.0.0.1/32",)) as service:
        yield service


@contextlib.contextmanager
def spoiled(loop: Loop, handler: Handler) -> Iterator[Server]:
    """A registry that answers as `handler` does."""
    server = misbehaving(handler)
    running = loop.run(server.__aenter__())
    try:
        yield running
    finally:
        loop.run(server.__aexit__(None, None, None))


def pushed(
    registry: Registry, repository: str, env: dict[str, str] | None = None, tag: str = "1", **config: Any
) -> str:
    """Pushes an image with that environment; gives its reference."""
    registry.image(repository, tag, configuration(CUDA if env is None else env, **config))
    return f"{registry.host}/{repository}:{tag}"


def for_both(registry: Registry, repository: str, arm64: dict[str, str], amd64: dict[str, str] | None = None) -> str:
    """Pushes an index of an image for amd64 and one for arm64; gives its reference."""
    images = [
        registry.image(repository, "", configuration(env, architecture=name))
        for name, env in (("amd64", CUDA if amd64 is None else amd64), ("arm64", arm64))
    ]
    attestation = images[0] | {"platform": {"os": "unknown", "architecture": "unknown"}}
    attestation |= {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    registry.index(repository, "1", [*images, attestation])
    return f"{registry.host}/{repository}:1"


def made(service: Service, url: str, credentials: RegistryCredentials | None = None, **changes: object) -> Body:
    """An image of the catalogue at that place, with its credentials."""
    registry = url.split("/")[0]
    if credentials is not None:
        changes |= {"registry_username": credentials.username, "registry_password": credentials.password}
    return service.make("docker", url=url, registry=f"http://{registry}", **changes)


def place(image: Body) -> str:
    """The path of an image's inspection."""
    return f"/v1/docker/{image['pk']}/inspection"


def inspected(service: Service, image: Body) -> Body:
    """The image's inspection, made now."""
    answer = service.staff.post(place(image))
    assert answer.status_code == 200, answer.text
    inspection: Body = answer.json()
    return inspection


def facts(service: Service, image: Body) -> Body:
    """The image's facts that are known, each with its origin."""
    answer = service.staff.get(f"/v1/docker/{image['pk']}/facts").json()
    return {name: (fact["value"], fact["origin"]) for name, fact in answer.items() if fact["origin"] is not None}


def registry_facts(service: Service, image: Body) -> Body:
    """Those that come from its registry."""
    return {name: value for name, (value, origin) in facts(service, image).items() if origin == "registry"}
