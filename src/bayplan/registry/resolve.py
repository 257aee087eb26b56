"""Resolves a reference to the digest that it points to now, or to an error. Nothing else is read."""

import asyncio
from dataclasses import dataclass

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.errors import OF_REGISTRY, CredentialsRefused, RegistryError, RegistryTimeout

RESOLVE_SECONDS = 60.0
"""The limit for all of it: redirects, a token, and the retries that a busy registry asks for."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The digest; or the code and the sentence of the error."""

    digest: str | None
    code: str | None = None
    detail: str | None = None
    of_registry: bool = False
    """Whether the error concerns the registry, and so its other images too."""
    refused_credentials: bool = False
    """Whether the registry got the credentials, and refused them."""


async def resolve_digest(
    client: RegistryClient,
    reference: Reference,
    credentials: RegistryCredentials | None = None,
    *,
    seconds: float = RESOLVE_SECONDS,
) -> Resolution:
    """Gives the result within `seconds`; an error of the registry is a result too."""
    try:
        async with asyncio.timeout(seconds):
            return Resolution(await client.digest(reference, credentials))
    except TimeoutError:
        slow = f"'{reference.registry}' did not answer within {seconds:g} s. Try again later."
        return Resolution(None, RegistryTimeout.code, slow, of_registry=True)
    except (RegistryError, Invalid) as error:
        refused = isinstance(error, CredentialsRefused)
        return Resolution(None, error.code, error.detail, isinstance(error, OF_REGISTRY), refused)
