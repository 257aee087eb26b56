"""Fixtures of the registry tests: a real registry of each kind, and the client that is tested."""

from collections.abc import Iterator

import pytest

from bayplan.domain.backoff import Backoff
from bayplan.registry.address import AddressPolicy
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits
from bayplan.registry.retry import RetryPolicy
from tests.registry.running import KINDS, Kind, Registry, running_registry

LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1"])
QUICK = ConnectionLimits(
    connect_seconds=5, answer_seconds=10, retry=RetryPolicy(backoff=Backoff(0.01, 20.0, jitter=1.0))
)
"""As the default, but a test need not wait long for what will not come."""


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of asynchronous tests."""
    return "asyncio"


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without credentials."""
    with running_registry("open", tmp_path_factory.mktemp("open")) as registry:
        yield registry


@pytest.fixture(scope="module", params=KINDS)
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of each kind."""
    kind: Kind = request.param
    with running_registry(kind, tmp_path_factory.mktemp(kind)) as registry:
        yield registry


def client_for(registry: Registry) -> RegistryClient:
    """A client that may ask this machine, and trusts that registry's certificate."""
    return RegistryClient(LOOPBACK, limits=QUICK, ca=registry.ca)
