"""The registries by host, for pages; and the rotation of their credentials, for routes and pages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayplan.registry.errors import RegistryDenied, RegistryError
from bayplan.server.checks import queries as checks
from bayplan.server.context import Context
from bayplan.server.images import queries as images
from bayplan.server.registry_hosts.rotation import rotate

__all__ = ["RegistryDenied", "RegistryError", "RegistryHost", "hosts", "rotate"]

_NOT_CHECKED = checks.RegistryChecks(None, None)


@dataclass(frozen=True, slots=True)
class RegistryHost:
    """A registry, the number of its images by check state, and the times of their checks."""

    host: str
    images: int
    states: Mapping[str, int]
    checked: str | None
    due: str | None


async def hosts(context: Context, version: int) -> Sequence[RegistryHost]:
    """Gives every registry of images that are not deleted, as of `version` or later, by its host."""
    times = await checks.by_registry(context.db)
    states = await images.states_by_registry(context, version)
    return await asyncio.to_thread(_hosts, states, times)


def _hosts(
    states: Mapping[str, Mapping[str, int]], times: Mapping[str, checks.RegistryChecks]
) -> Sequence[RegistryHost]:
    made = []
    for host, numbers in sorted(states.items()):
        of_host = times.get(host, _NOT_CHECKED)
        made.append(RegistryHost(host, sum(numbers.values()), numbers, of_host.checked, of_host.due))
    return made
