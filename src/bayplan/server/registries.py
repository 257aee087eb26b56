"""The registries as the server asks them: one client for the whole process, made when the first question comes."""

import asyncio
from typing import TYPE_CHECKING

import orjson

from bayplan.config import Settings
from bayplan.domain.reference import Reference
from bayplan.registry.errors import ManifestInvalid, ManifestTooLarge

if TYPE_CHECKING:
    from bayplan.registry.auth import RegistryCredentials
    from bayplan.registry.client import RegistryClient
    from bayplan.registry.inspect import ImageInspection
    from bayplan.registry.resolve import Resolution

MOST_BYTES = 1024 * 1024
"""Of what all platforms of an image say about themselves; real images need some thousand."""


class Registries:
    """Asks registries within the settings. `CannotStart` where `BAYPLAN_REGISTRY_CA` holds no certificates."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: RegistryClient | None = None
        self._opening = asyncio.Lock()
        if settings.registry_ca is not None:  # found wrong now, and not by the first who asks
            self._client = self._new()

    async def takes(self, reference: Reference, username: str, password: str) -> bool:
        """Whether the registry wants a log-in for the image's repository and takes this one; False where it wants none.

        Raises `RegistryDenied` where it refuses it, and `RegistryError` of any other kind.
        """
        client = await self._opened()
        from bayplan.registry.auth import RegistryCredentials

        return await client.accepts(reference, RegistryCredentials(username, password))

    async def inspect(self, reference: Reference, username: str | None, password: str | None) -> "ImageInspection":
        """Gives what the registry holds there; raises `RegistryError` of any kind."""
        client = await self._opened()
        from bayplan.registry.inspect import inspect

        found = await inspect(client, reference, _login(username, password))
        _check(found)
        return found

    async def resolve(self, reference: Reference, username: str | None, password: str | None) -> "Resolution":
        """Gives the digest that the reference has in its registry now, or the error in its place."""
        client = await self._opened()
        from bayplan.registry.resolve import resolve_digest

        return await resolve_digest(client, reference, _login(username, password))

    async def close(self) -> None:
        """Ends all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(None, None, None)

    async def _opened(self) -> "RegistryClient":
        async with self._opening:
            if self._client is None:  # in a thread: what it takes to ask is long to load
                self._client = await asyncio.to_thread(self._new)
            return self._client

    def _new(self) -> "RegistryClient":
        # Imported here: a server that asks no registry need not wait for it.
        from bayplan.registry.address import AddressPolicy
        from bayplan.registry.client import RegistryClient
        from bayplan.registry.connection import ConnectionLimits

        settings = self._settings
        return RegistryClient(
            AddressPolicy.of(settings.registry_allow_private, settings.registry_insecure),
            limits=ConnectionLimits(connections=settings.registry_concurrency),
            ca=settings.registry_ca,
            proxy=proxy.get_secret_value() if (proxy := settings.registry_proxy) else None,
        )


def _login(username: str | None, password: str | None) -> "RegistryCredentials | None":
    from bayplan.registry.auth import RegistryCredentials

    return None if username is None or password is None else RegistryCredentials(username, password)


def _check(found: "ImageInspection") -> None:
    """Raises `ManifestInvalid` or `ManifestTooLarge` for what cannot be written down, or is too much of it."""
    try:
        size_bytes = len(orjson.dumps(found.platforms))
    except TypeError:
        raise ManifestInvalid(
            f"'{found.reference.repository}' says something that is no Unicode: build it again."
        ) from None
    if size_bytes > MOST_BYTES:
        raise ManifestTooLarge(
            f"'{found.reference.repository}' says {size_bytes:,} bytes about itself; no more than {MOST_BYTES:,} are kept."
        )
