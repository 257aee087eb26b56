"""Another password for registry credentials: tried before it replaces the old one.

The registry is asked before the transaction begins: it may take its time, and nobody is to wait for it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from bayplan.clock import now
from bayplan.db.principal import Principal
from bayplan.domain.reference import registry_host
from bayplan.registry.errors import RegistryDenied, RegistryError, RegistryTimeout
from bayplan.schemas.credentials import Rotation
from bayplan.server.context import Context
from bayplan.server.credentials import store as credential_store

# A registry may hold thousands of repositories that are pulled from alike: so many are asked for, and for so long.
_MOST_REPOSITORIES = 100
_CHECK_SECONDS = 60.0


async def rotate(context: Context, principal: Principal, rotation: Rotation) -> dict[str, Any]:
    """Gives all images of some credentials others, and says what the registry made of them; raises `NotFound` or `RegistryError`."""
    old = (registry_host(rotation.registry), rotation.registry_username)
    new = (old[0], rotation.new_username or rotation.registry_username)
    places, repositories = await credential_store.repositories(context.db, old, _MOST_REPOSITORIES)
    verified, detail = False, "The registry was not asked whether it takes the log-in."
    if rotation.check:
        taken = await _try_out(context, places, new[1], rotation.registry_password)
        verified, detail = taken > 0, _detail(old[0], taken, len(places), repositories)
    async with context.db.write(by=principal.name) as tx:
        images = await credential_store.replace(tx, old, new[1], rotation.registry_password, context.keyring)
        await credential_store.note_outcomes(tx, now(), taken=[new] if verified else [])
    return {"images": len(images), "verified": verified, "detail": detail}


async def _try_out(
    context: Context, places: Sequence[credential_store.RepositoryImage], username: str, password: str
) -> int:
    """For how many of the places the registry wants credentials and takes these; raises `RegistryError` otherwise."""
    registry = places[0].reference.registry
    await context.audit.asked(registry, "rotate", [place.image for place in places])
    try:
        async with asyncio.timeout(_CHECK_SECONDS), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(context.registries.takes(place.reference, username, password)) for place in places
            ]
    except TimeoutError:
        raise _unchanged(RegistryTimeout(f"'{registry}' took longer than {_CHECK_SECONDS:g} s.")) from None
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise _unchanged(first) if isinstance(first, RegistryError) else first from None
    return sum(task.result() for task in tasks)


def _detail(registry: str, taken: int, asked: int, repositories: int) -> str:
    if not taken:
        return f"'{registry}' shows these images to everybody: it never asked for the log-in, so nothing is known of the password."
    among = f"{asked:,} of {repositories:,} repositories" if asked < repositories else f"{repositories:,} repositories"
    if taken < asked:
        return (
            f"'{registry}' took the log-in for {taken:,} of the {among} asked about, and shows the others to everybody."
        )
    return f"'{registry}' took the log-in for {among.replace('1 repositories', '1 repository')}."


def _unchanged(error: RegistryError) -> RegistryError:
    """The same error, saying that nothing was changed; and where the registry did not say no, how to do without it."""
    if isinstance(error, RegistryDenied):
        return RegistryDenied(f"{error.detail} Nothing was changed.")
    return type(error)(
        f"{error.detail} Nothing was changed: with 'check' false the log-in is replaced without asking the registry."
    )
