"""What the tests of misbehaving registries share: an honest image, credentials, one way to ask."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayplan.domain.reference import Reference
from bayplan.registry.address import AddressPolicy
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits
from bayplan.registry.inspect import ImageInspection, inspect
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Server, Store

LOGIN = RegistryCredentials("casey", "hunter2-of-the-registry")
IMAGE = Store()
IMAGE.image("1", env={"CUDA_VERSION": "12.4.1"})


async def inspected(
    server: Server,
    *,
    credentials: RegistryCredentials | None = None,
    limits: ConnectionLimits = QUICK,
    access: AddressPolicy = LOOPBACK,
    ca: Path | None = None,
) -> ImageInspection:
    """What is read from the server's `ml/x:1`."""
    async with RegistryClient(access, limits=limits, ca=ca) as client:
        return await inspect(client, Reference.parse(f"{server.host}/ml/x:1"), credentials)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where the block takes longer."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds
