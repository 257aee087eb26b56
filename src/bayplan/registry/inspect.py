"""Inspects an image: reads its manifest, and each platform's manifest and configuration, all of one moment.

Everything below the first response is requested by digest, so that a tag that moves in the middle cannot mix two images.
"""

import asyncio
from dataclasses import dataclass, replace

from bayplan.domain.reference import Reference
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient, RegistryDocument
from bayplan.registry.content import Descriptor, Index
from bayplan.registry.errors import ImageNotFound, ManifestInvalid, RegistryTimeout
from bayplan.registry.interpret import PlatformFacts, platform_facts

MOST_PLATFORMS = 64
INSPECTION_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class ImageInspection:
    """The result of an inspection: the digest that the reference points to, and each platform's facts."""

    reference: Reference
    digest: str
    media_type: str
    platforms: tuple[PlatformFacts, ...]


async def inspect(
    client: RegistryClient,
    reference: Reference,
    credentials: RegistryCredentials | None = None,
    *,
    seconds: float = INSPECTION_SECONDS,
) -> ImageInspection:
    """The inspection of an image, within `seconds` in all.

    Raises the errors of `bayplan.registry.errors`; ManifestInvalid for content that is no image.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(client, reference, credentials)
    except TimeoutError:
        raise RegistryTimeout(
            f"Reading '{reference.repository}' took longer than {seconds:g} s; try again later."
        ) from None


async def _read(
    client: RegistryClient, reference: Reference, credentials: RegistryCredentials | None
) -> ImageInspection:
    document = await client.manifest(reference, credentials)
    try:
        return await _read_all(client, reference, document, credentials)
    except ImageNotFound:
        # The old image may be gone because its tag was just moved to another image: then the new one counts.
        again = await client.manifest(reference, credentials)
        if again.digest == document.digest:
            raise ManifestInvalid(
                f"'{reference.registry}' has the manifest of '{reference.repository}' but not all that it names: "
                "push the image again."
            ) from None
        return await _read_all(client, reference, again, credentials)


async def _read_all(
    client: RegistryClient, reference: Reference, document: RegistryDocument, credentials: RegistryCredentials | None
) -> ImageInspection:
    content = document.content
    if not isinstance(content, Index):
        platforms = [await _platform(client, reference, document, None, credentials)]
        return ImageInspection(reference, document.digest, document.media_type, tuple(platforms))
    entries = [entry for entry in content.manifests if not entry.is_attestation]
    if len(entries) > MOST_PLATFORMS:
        raise ManifestInvalid(
            f"The index of '{reference.repository}' has {len(entries)} entries; no more than {MOST_PLATFORMS} are read."
        )
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_entry(client, reference, entry, credentials)) for entry in entries]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return ImageInspection(reference, document.digest, document.media_type, tuple(task.result() for task in tasks))


async def _entry(
    client: RegistryClient, reference: Reference, entry: Descriptor, credentials: RegistryCredentials | None
) -> PlatformFacts:
    document = await client.manifest(replace(reference, tag=None, digest=entry.digest), credentials)
    return await _platform(client, reference, document, entry, credentials)


async def _platform(
    client: RegistryClient,
    reference: Reference,
    document: RegistryDocument,
    entry: Descriptor | None,
    credentials: RegistryCredentials | None,
) -> PlatformFacts:
    manifest = document.content
    if isinstance(manifest, Index):
        raise ManifestInvalid(f"The index of '{reference.repository}' holds another index, which engines do not pull.")
    config = await client.config(reference, manifest.config, credentials)
    return platform_facts(document.digest, manifest, config, entry.platform if entry else None)
