"""Inspects an image: reads its manifest, and each platform's manifest and configuration, all of one moment.

Everything below the first response is requested by digest, so that a tag that moves in the middle cannot mix two images.

One odd entry of an index does not spoil the rest: images are read from indexes within indexes, and what is no image
(attestations, SBOM entries, charts), was not copied to a mirror, or cannot be read is left out.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from bayplan.domain.reference import Reference
from bayplan.registry.attachments import AttachmentReader
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient, RegistryDocument
from bayplan.registry.content import Config, Descriptor, Index, Manifest, Platform
from bayplan.registry.errors import (
    ImageNotFound,
    ManifestInvalid,
    RegistryError,
    RegistryFailing,
    RegistryTimeout,
    RegistryUnreachable,
)
from bayplan.registry.interpret import PlatformFacts, platform_facts

MOST_PLATFORMS = 64
"""Entries of an index, with those of the indexes in it."""
MOST_LEVELS = 4
"""Of indexes within indexes."""
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
            f"Reading '{reference.repository}' took longer than {seconds:g} s. Try again later."
        ) from None


async def _read(
    client: RegistryClient, reference: Reference, credentials: RegistryCredentials | None
) -> ImageInspection:
    document = await client.manifest(reference, credentials)
    inspection, left_out = await _read_all(client, reference, document, credentials)
    if any(isinstance(error, ImageNotFound) for error in left_out):
        # The old image may be gone because its tag was just moved to another image: then the new one counts.
        again = await client.manifest(reference, credentials)
        if again.digest != document.digest:
            inspection, left_out = await _read_all(client, reference, again, credentials)
    if not inspection.platforms:
        raise _no_image(reference, left_out)
    return inspection


async def _read_all(
    client: RegistryClient, reference: Reference, document: RegistryDocument, credentials: RegistryCredentials | None
) -> tuple[ImageInspection, list[RegistryError]]:
    """Gives the inspection of all images that can be read, and the reasons why others cannot."""
    attachments = AttachmentReader(client, reference, credentials, document.digest)
    reader = _ImageReader(client, reference, credentials, attachments)
    try:
        if isinstance(document.content, Index):
            platforms = await reader.read_index(document.content)
        else:
            platforms = await reader.unless_odd(reader.read_image(document, document.content, ()))
    finally:
        await attachments.close()
    return ImageInspection(reference, document.digest, document.media_type, tuple(platforms)), reader.left_out


class _ImageReader:
    """Reads the images of an index, and of the indexes in it, as engines do; what is no image that can be read is left out."""

    def __init__(
        self,
        client: RegistryClient,
        reference: Reference,
        credentials: RegistryCredentials | None,
        attachments: AttachmentReader,
    ) -> None:
        self._client = client
        self._reference = reference
        self._credentials = credentials
        self._attachments = attachments
        self._entries: set[tuple[str, Platform | None]] = set()
        self.left_out: list[RegistryError] = []

    async def read_index(self, index: Index, listed: tuple[Platform, ...] = (), level: int = 1) -> list[PlatformFacts]:
        """The images of an index, in its order; `listed` are the platforms of the entries that lead to it, the innermost first."""
        self._attachments.add_index(index)
        # In an index each platform is there once, as engines take the first entry for it.
        entries = {(entry.digest, entry.platform): entry for entry in index.images}
        entries = {key: entry for key, entry in entries.items() if key not in self._entries}
        total = len(self._entries) + len(entries)
        if total > MOST_PLATFORMS:
            raise ManifestInvalid(
                f"The index of '{self._reference.repository}' has {total} entries; no more than {MOST_PLATFORMS} are read."
            )
        self._entries |= set(entries)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self.unless_odd(self._read_entry(entry, listed, level)))
                    for entry in entries.values()
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [platform for task in tasks for platform in task.result()]

    async def unless_odd(self, reading: Coroutine[Any, Any, list[PlatformFacts]]) -> list[PlatformFacts]:
        """What is read, or nothing where that is odd; raises errors that another try may not have."""
        try:
            return await reading
        except (RegistryUnreachable, RegistryTimeout, RegistryFailing):
            raise
        except RegistryError as error:
            self.left_out.append(error)
            return []

    async def read_image(
        self, document: RegistryDocument, manifest: Manifest, listed: tuple[Platform, ...]
    ) -> list[PlatformFacts]:
        """The image of a manifest."""
        attaching = asyncio.create_task(self._attachments.of(document.digest))
        try:
            config = await self._client.config(self._reference, manifest.config, self._credentials)
            named: list[Platform | Config] = [*listed, config]
            system = next((platform.os for platform in named if platform.os), "")
            architecture = next((platform.architecture for platform in named if platform.architecture), "")
            if manifest.is_artifact or "unknown" in (system, architecture):
                raise ManifestInvalid(
                    f"'{self._reference.repository}' is an artifact (a signature, an attestation, an SBOM or the like), "
                    "not an image. Check the tag."
                )
            # In a thread: a history may have half a megabyte of commands, and others wait for the loop.
            attached = (await attaching).on(architecture)
            return [
                await asyncio.to_thread(
                    platform_facts, document.digest, manifest, config, listed, self._reference, attached
                )
            ]
        finally:
            attaching.cancel()

    async def _read_entry(self, entry: Descriptor, listed: tuple[Platform, ...], level: int) -> list[PlatformFacts]:
        by_digest = replace(self._reference, tag=None, digest=entry.digest)
        document = await self._client.manifest(by_digest, self._credentials)
        platforms = listed if entry.platform is None else (entry.platform, *listed)
        if not isinstance(document.content, Index):
            return await self.read_image(document, document.content, platforms)
        if level >= MOST_LEVELS:
            raise ManifestInvalid(
                f"The index of '{self._reference.repository}' has indexes within indexes; no more than {MOST_LEVELS} are read."
            )
        return await self.read_index(document.content, platforms, level + 1)


def _no_image(reference: Reference, left_out: list[RegistryError]) -> RegistryError:
    """Gives the error of an image of which nothing can be read: the reason that is not a missing part, if there is one."""
    for error in left_out:
        if not isinstance(error, ImageNotFound):
            return error
    if left_out:
        return ManifestInvalid(
            f"'{reference.registry}' has the manifest of '{reference.repository}' but not all documents that it names. "
            "Push the image again."
        )
    return ManifestInvalid(
        f"The index of '{reference.repository}' names no image: attestations, signatures and charts are not images. Push "
        "the image again."
    )
