"""Whether a registry takes credentials: asked of each kind, distinguished from one that asks for none, and never from memory."""

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.errors import RegistryDenied
from tests.registry.conftest import client_for
from tests.registry.running import LOGIN, Registry, configuration

pytestmark = pytest.mark.anyio
WRONG = RegistryCredentials(LOGIN.username, "another password")


def pushed(registry: Registry, name: str) -> Reference:
    registry.image(name, "1", configuration())
    return Reference.parse(f"{registry.host}/{name}:1")


async def test_a_registry_takes_the_right_credentials_and_no_others(registry: Registry) -> None:
    reference = pushed(registry, "team/taken")
    async with client_for(registry) as client:
        assert await client.accepts(reference, LOGIN) == (registry.login is not None)
        if registry.login is None:
            assert await client.accepts(reference, WRONG) is False, "it asks for none, and would take any"
        else:
            with pytest.raises(RegistryDenied, match="refuses"):
                await client.accepts(reference, WRONG)


async def test_an_image_that_is_missing_does_not_matter(registry: Registry) -> None:
    gone = Reference.parse(f"{registry.host}/team/never-pushed:1")
    async with client_for(registry) as client:
        assert await client.accepts(gone, LOGIN) == (registry.login is not None)


async def test_the_credentials_are_sent_anew(registry: Registry) -> None:
    reference = pushed(registry, "team/anew")
    async with client_for(registry) as client:
        await client.digest(reference, LOGIN)
        before = len(registry.requests)
        await client.accepts(reference, LOGIN)
        assert len(registry.requests) - before == (1 if registry.login is None else 2)
