"""Another password for registry credentials: tried before it replaces the old one.

The registry is asked before the transaction begins, so that no other write waits for the registry.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from bayplan.clock import now
from bayplan.db.principal import Principal
from bayplan.domain.reference import check_registry
from bayplan.domain.units import count
from bayplan.registry.errors import RegistryDenied, RegistryError, RegistryTimeout
from bayplan.schemas.credentials import Rotation
from bayplan.server.context import Context
from bayplan.server.credentials import queries as credential_queries

# A registry may have thousands of repositories with the same credentials: at most this many are tried, and for this long.
_MOST_REPOSITORIES = 100
_CHECK_SECONDS = 60.0


async def rotate(context: Context, principal: Principal, rotation: Rotation) -> dict[str, Any]:
    """Replaces credentials on all their images; gives whether the registry accepts the new ones; raises `NotFound`, `RegistryError`."""
    old = (check_registry(rotation.registry), rotation.registry_username)
    new = (old[0], rotation.new_username or rotation.registry_username)
    places, repositories = await credential_queries.repositories(context.db, old, _MOST_REPOSITORIES)
    verified, detail = False, "The credentials were not tried at the registry."
    if rotation.check:
        accepted = await _try_out(context, places, new[1], rotation.registry_password)
        verified, detail = accepted > 0, _detail(old[0], accepted, len(places), repositories)
    async with context.db.write(by=principal, is_long=True) as tx:
        images = await credential_queries.replace(tx, old, new[1], rotation.registry_password, context.keyring)
        await credential_queries.note_outcomes(tx, now(), accepted=[new] if verified else [])
    return {"images": len(images), "verified": verified, "detail": detail}


async def _try_out(
    context: Context, places: Sequence[credential_queries.RepositoryImage], username: str, password: str
) -> int:
    """The number of places where the registry requires credentials and accepts these; raises `RegistryError` where it refuses them."""
    registry = places[0].reference.registry
    await context.audit.sent_to_registry(registry, "rotate", [place.image for place in places])
    try:
        async with asyncio.timeout(_CHECK_SECONDS), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(context.registries.accepts(place.reference, username, password)) for place in places
            ]
    except TimeoutError:
        raise _unchanged(RegistryTimeout(f"'{registry}' took longer than {_CHECK_SECONDS:g} s.")) from None
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise _unchanged(first) if isinstance(first, RegistryError) else first from None
    return sum(task.result() for task in tasks)


def _detail(registry: str, accepted: int, tried: int, repositories: int) -> str:
    if not accepted:
        return (
            f"'{registry}' shows these images to everybody and asks for no credentials, so the password could not be "
            "tried."
        )
    among = count(repositories, "repository", "repositories")
    if tried < repositories:
        among = f"{tried:,} of {among}"
    if accepted < tried:
        return (
            f"'{registry}' accepted the credentials for {accepted:,} of the {among} that were tried, and shows the others to "
            "everybody."
        )
    return f"'{registry}' accepted the credentials for {among}."


def _unchanged(error: RegistryError) -> RegistryError:
    """The error with the note that nothing was changed, and, unless the registry refused, how to go on without it."""
    if isinstance(error, RegistryDenied):
        return RegistryDenied(f"{error.detail} Nothing was changed.")
    return type(error)(
        f"{error.detail} Nothing was changed. To change the credentials without a try at the registry, send 'check' false."
    )
