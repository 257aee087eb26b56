"""The inspection of an image without a server: from a folder or an archive, from the cache, or from its registry."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bayplan.clock import now
from bayplan.domain.reference import Reference
from bayplan.errors import NotFound
from bayplan.registry.errors import RegistryError
from bayplan.registry.inspection_cache import InspectionCache

Origin = Literal["registry", "cache", "folder", "catalogue"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """An image's reference, the digest that it has now, its platforms with their facts, and what they were read from.

    An archive of an older docker has no digest. `path` is the folder or the archive.
    """

    reference: Reference
    digest: str | None
    platforms: list[dict[str, Any]]
    origin: Origin
    path: Path | None = None


def inspect_image(text: str, *, offline: bool) -> Inspected:
    """The inspection of the image that a text names; raises `Invalid`, `RegistryError`, and `NotFound` for one that is not kept."""
    from bayplan.registry import layout

    if layout.is_local(text):
        try:
            image = layout.local_image(text)
            content = asyncio.run(_inspection(image.client, image.reference))
        except RegistryError as error:
            raise error.of_files() from None
        named = replace(image.reference, digest=None)
        return Inspected(named, image.digest, content["platforms"], "folder", image.path)
    reference = Reference.parse(text, field="image")
    cache = InspectionCache(_cache_folder())
    if offline:
        kept = cache.latest(reference)
        if kept is None:
            raise NotFound(
                f"{reference} was not checked on this machine before: leave --offline out once, or name a folder, as in oci:./folder."
            )
        return Inspected(reference, kept["digest"], kept["platforms"], "cache")
    return asyncio.run(_from_registry(reference, cache))


async def _from_registry(reference: Reference, cache: InspectionCache) -> Inspected:
    """From the registry, or from the cache where it has what the registry now has under that name."""
    kept = cache.get(reference, reference.digest) if reference.digest else None
    if kept is not None:
        return Inspected(reference, kept["digest"], kept["platforms"], "cache")
    from bayplan.config import load_local_settings
    from bayplan.registry.settings import registry_client

    settings = load_local_settings()
    # Who types the name of a registry may ask it, wherever it is, as `docker pull` does; where it leads goes by the settings.
    # A proxy is left out only for what the settings name.
    own = () if settings.registry_proxy is not None else (reference.registry,)
    async with registry_client(settings, also_allowed=own) as client:
        credentials = _credentials(reference.registry)
        if reference.digest is None:
            kept = cache.get(reference, await client.digest(reference, credentials))
            if kept is not None:
                return Inspected(reference, kept["digest"], kept["platforms"], "cache")
        content = await _inspection(client, reference, credentials)
    cache.put(reference, content)
    return Inspected(reference, content["digest"], content["platforms"], "registry")


async def _inspection(client: Any, reference: Reference, credentials: Any = None) -> dict[str, Any]:
    from bayplan.registry.inspect import inspect

    inspection = await inspect(client, reference, credentials)
    platforms = [asdict(platform) for platform in inspection.platforms]
    return {"reference": str(reference), "digest": inspection.digest, "checked": now(), "platforms": platforms}


def _credentials(registry: str) -> Any:
    """What `docker login` left for the registry; None where there is nothing, or nothing that can be read, as `docker pull` has it."""
    from bayplan.agent import docker_config
    from bayplan.agent.docker_logins import DockerLogins
    from bayplan.registry.auth import RegistryCredentials

    auth: Mapping[str, str] | None = DockerLogins(docker_config.load(), note).auth(registry)
    if not auth:
        return None
    if auth.get("username") and auth.get("password"):
        return RegistryCredentials(auth["username"], auth["password"])
    note(
        f"The log-in that `docker login` left for {registry} is a token, which bayplan does not send; {registry} is asked without it."
    )
    return None


def note(sentence: str) -> None:
    """Prints a sentence on the error output, with the commands for the calls of the API that it names."""
    from bayplan.cli.error_output import in_commands

    sys.stderr.write(f"{in_commands(sentence)}\n")


def _cache_folder() -> Path | None:
    """The folder in the user's cache; None for a user without a home folder, for whom nothing is kept."""
    import platformdirs

    try:
        return Path(platformdirs.user_cache_dir("bayplan")) / "inspections"
    except RuntimeError:
        return None
