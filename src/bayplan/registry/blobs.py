"""Reads large blobs of a registry part by part, each a request of its own: what breaks off is asked for again from where it was."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator

from bayplan.domain.reference import Reference
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.content import LayerDescriptor, is_digest
from bayplan.registry.errors import DigestMismatch, ManifestInvalid, ManifestTooLarge, RegistryError

PART_BYTES = 4 * 1024 * 1024


async def blob_parts(
    client: RegistryClient, reference: Reference, layer: LayerDescriptor, credentials: RegistryCredentials | None
) -> AsyncGenerator[bytes]:
    """Gives a layer's bytes, 4 MiB at a time; the next part is asked for while one is worked on.

    Raises the errors of `bayplan.registry.errors`; DigestMismatch after the last part.
    """
    if not is_digest(layer.digest):
        raise ManifestInvalid(
            f"A layer of '{reference.repository}' has a digest that cannot be verified: push it again."
        )
    algorithm, _, expected = layer.digest.partition(":")
    checksum = hashlib.new(algorithm)
    starts = range(0, layer.size, PART_BYTES)
    following: asyncio.Task[bytes] | None = None
    try:
        for start in starts:
            body = await (following or _part(client, reference, layer, credentials, start))
            following = None
            if start + len(body) < layer.size:
                following = asyncio.create_task(_part(client, reference, layer, credentials, start + len(body)))
            checksum.update(body)
            yield body
    finally:
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    if checksum.hexdigest() != expected:
        raise DigestMismatch(
            f"A layer of '{reference.repository}' is not what its digest says ({layer.digest[:19]}…): the registry, or something "
            "before it, changed it. Push the image again, or ask the registry's operators."
        )


async def _part(
    client: RegistryClient,
    reference: Reference,
    layer: LayerDescriptor,
    credentials: RegistryCredentials | None,
    start: int,
) -> bytes:
    size_bytes = min(PART_BYTES, layer.size - start)
    part = f"bytes={start}-{start + size_bytes - 1}"
    try:
        answer = await client.get(reference, credentials, f"blobs/{layer.digest}", "*/*", size_bytes, part=part)
    except ManifestTooLarge:
        raise _no_parts(reference) from None
    if len(answer.body) != size_bytes or (answer.status == 200 and start > 0):
        raise _no_parts(reference)
    return answer.body


def _no_parts(reference: Reference) -> RegistryError:
    return RegistryError(
        f"'{reference.registry}' does not give parts of files, or not those that it is asked for: layers are read part by part."
    )
