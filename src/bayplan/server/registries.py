"""The server's access to registries: one client for the whole process, created at the first request to a registry."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from bayplan.config import Settings
from bayplan.domain.reference import Reference
from bayplan.registry.errors import ManifestTooLarge

if TYPE_CHECKING:
    from bayplan.registry.auth import RegistryCredentials
    from bayplan.registry.client import RegistryClient
    from bayplan.registry.content import LayerDescriptor
    from bayplan.registry.inspect import ImageInspection
    from bayplan.registry.resolve import Resolution

_log = logging.getLogger("bayplan")

MOST_BYTES = 1024 * 1024
"""The most bytes of the facts of all platforms of an image; real images need some thousand."""


@dataclass(frozen=True, slots=True)
class LayerAccess:
    """The client of registries, and the credentials of an image."""

    client: "RegistryClient"
    credentials: "RegistryCredentials | None"

    def parts(self, reference: Reference, layer: "LayerDescriptor") -> "AsyncGenerator[bytes]":
        """Gives the bytes of a layer; raises the errors of `bayplan.registry.errors`."""
        from bayplan.registry.blobs import blob_parts

        return blob_parts(self.client, reference, layer, self.credentials)


class Registries:
    """The client of registries by the settings. Raises `CannotStart` where `BAYPLAN_REGISTRY_CA` has no certificates."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: RegistryClient | None = None
        self._opening = asyncio.Lock()
        if networks := [entry for entry in settings.registry_allow_private if "/" in entry]:
            _log.info(
                "BAYPLAN_REGISTRY_ALLOW_PRIVATE has %s, so whoever may name a registry can have the server connect to "
                "every port there. Write a host with its port (registry.lan:5000) to allow one port",
                ", ".join(networks),
            )
        if settings.registry_ca is not None:  # a wrong file is an error at the start, not at the first request
            self._client = self._new()

    async def accepts(self, reference: Reference, username: str, password: str) -> bool:
        """Whether the registry requires credentials for the image's repository and accepts these; False where it requires none.

        Raises `RegistryDenied` where it refuses them, and other errors of `bayplan.registry.errors`.
        """
        client = await self._opened()
        from bayplan.registry.auth import RegistryCredentials

        return await client.accepts(reference, RegistryCredentials(username, password))

    async def inspect(self, reference: Reference, username: str | None, password: str | None) -> "ImageInspection":
        """Inspects the image; raises the errors of `bayplan.registry.errors`."""
        client = await self._opened()
        from bayplan.registry.inspect import inspect

        inspection = await inspect(client, reference, _credentials(username, password))
        _check(inspection)
        return inspection

    async def resolve(self, reference: Reference, username: str | None, password: str | None) -> "Resolution":
        """Gives the digest that the reference has in its registry now, or the error."""
        client = await self._opened()
        from bayplan.registry.resolve import resolve_digest

        return await resolve_digest(client, reference, _credentials(username, password))

    async def layers(self, username: str | None, password: str | None) -> "LayerAccess":
        """Gives what reads manifests and layers, with these credentials."""
        return LayerAccess(await self._opened(), _credentials(username, password))

    async def close(self) -> None:
        """Ends all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(None, None, None)

    async def _opened(self) -> "RegistryClient":
        async with self._opening:
            if self._client is None:  # in a thread: the client's modules take long to load
                self._client = await asyncio.to_thread(self._new)
            return self._client

    def _new(self) -> "RegistryClient":
        # Imported here: a server that uses no registry need not wait for it.
        from bayplan.registry.settings import registry_client

        return registry_client(self._settings)


def _credentials(username: str | None, password: str | None) -> "RegistryCredentials | None":
    from bayplan.registry.auth import RegistryCredentials

    return None if username is None or password is None else RegistryCredentials(username, password)


def _check(inspection: "ImageInspection") -> None:
    """Raises `ManifestTooLarge` for facts that are too large."""
    size_bytes = len(orjson.dumps(inspection.platforms))
    if size_bytes > MOST_BYTES:
        raise ManifestTooLarge(
            f"The facts of '{inspection.reference.repository}' take {size_bytes:,} bytes, and the catalogue keeps at most "
            f"{MOST_BYTES:,}."
        )
