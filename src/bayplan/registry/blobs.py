"""Reads large blobs of a registry in order, each byte once: what breaks off goes on from where it was.

Each part is a request of its own. A registry that gives no parts of files sends the blob whole, and again from its start where that
breaks off; what was read before is passed over then.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from bayplan.domain.backoff import Backoff
from bayplan.domain.reference import Reference
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.content import LayerDescriptor, is_digest
from bayplan.registry.errors import (
    DigestMismatch,
    ManifestInvalid,
    ManifestTooLarge,
    RegistryError,
    RegistryFailing,
    RegistryTimeout,
    RegistryUnreachable,
)

PART_BYTES = 4 * 1024 * 1024
RESUME = Backoff(1.0, 30.0)
MOST_FAILURES = 6
"""How often in a row, without a byte between them, a blob breaks off before it is given up: after a minute or so."""
_MAY_PASS = (RegistryFailing, RegistryTimeout, RegistryUnreachable)


async def blob_parts(
    client: RegistryClient,
    reference: Reference,
    layer: LayerDescriptor,
    credentials: RegistryCredentials | None,
    resume: Backoff = RESUME,
) -> AsyncGenerator[bytes]:
    """Gives a layer's bytes, at most 4 MiB at a time; the next are asked for while these are worked on.

    Raises the errors of `bayplan.registry.errors`; DigestMismatch after the last byte.
    """
    if not is_digest(layer.digest):
        raise ManifestInvalid(
            f"A layer of '{reference.repository}' has a digest of a kind that is not supported. Push the image again."
        )
    algorithm, _, expected = layer.digest.partition(":")
    checksum = hashlib.new(algorithm)
    blob = _Blob(client, reference, layer, credentials)
    failures = 0
    while blob.read_bytes < layer.size:
        before = blob.read_bytes
        try:
            async with aclosing(blob.whole() if blob.is_whole else blob.parts()) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(checksum.update, piece)
                    yield piece
        except _NoParts:
            blob.is_whole = True
        except _MAY_PASS:
            failures = 1 if blob.read_bytes > before else failures + 1
            if blob.read_bytes == 0 or failures >= MOST_FAILURES:
                raise
            await asyncio.sleep(resume.wait_seconds(failures, random.random()))  # noqa: S311  # jitter, no secret
    if checksum.hexdigest() != expected:
        raise DigestMismatch(
            f"A layer of '{reference.repository}' does not match its digest ({layer.digest[:19]}…): the registry or a "
            "proxy changed it. Push the image again, or ask the registry's operators."
        )


class _NoParts(Exception):  # nothing went wrong
    """The registry gives no parts of files."""


@dataclass(slots=True)
class _Blob:
    """A blob, and how much of it was read."""

    client: RegistryClient
    reference: Reference
    layer: LayerDescriptor
    credentials: RegistryCredentials | None
    read_bytes: int = 0
    is_whole: bool = False

    @property
    def _target(self) -> str:
        return f"blobs/{self.layer.digest}"

    async def parts(self) -> AsyncGenerator[bytes]:
        """Gives the rest, part by part; raises `_NoParts`."""
        following: asyncio.Task[bytes] | None = None
        try:
            while self.read_bytes < self.layer.size:
                body = await (following or self._part(self.read_bytes))
                following = None
                self.read_bytes += len(body)
                if self.read_bytes < self.layer.size:
                    following = asyncio.create_task(self._part(self.read_bytes))
                yield body
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _part(self, start: int) -> bytes:
        size_bytes = min(PART_BYTES, self.layer.size - start)
        part = f"bytes={start}-{start + size_bytes - 1}"
        try:
            answer = await self.client.get(self.reference, self.credentials, self._target, "*/*", size_bytes, part=part)
        except ManifestTooLarge:
            raise _NoParts from None
        if answer.status == 200 and (start > 0 or len(answer.body) != self.layer.size):
            raise _NoParts
        if len(answer.body) != size_bytes:
            raise self._other_size()
        return answer.body

    async def whole(self) -> AsyncGenerator[bytes]:
        """Gives the rest from a transfer of the whole blob."""
        pieces, room, pending = asyncio.Queue[bytes](), asyncio.Semaphore(2), bytearray()

        def pass_on() -> None:
            self.read_bytes += len(pending)
            pieces.put_nowait(bytes(pending))
            pending.clear()

        async def take(start: int, piece: bytes) -> None:
            pending.extend(piece[max(0, self.read_bytes + len(pending) - start) :])
            if len(pending) >= PART_BYTES:
                await room.acquire()
                pass_on()

        async def transfer() -> None:
            try:
                await self.client.get(self.reference, self.credentials, self._target, "*/*", self.layer.size, take=take)
                if self.read_bytes + len(pending) != self.layer.size:
                    raise self._other_size()
            except ManifestTooLarge:
                raise self._other_size() from None
            finally:
                if pending:
                    pass_on()
                pieces.put_nowait(b"")  # the end

        transferring = asyncio.create_task(transfer())
        try:
            while piece := await pieces.get():
                yield piece
                room.release()
            await transferring
        finally:
            transferring.cancel()
            await asyncio.gather(transferring, return_exceptions=True)

    def _other_size(self) -> RegistryError:
        return RegistryError(
            f"'{self.reference.registry}' sends a layer of '{self.reference.repository}' whose size is not that of its "
            f"manifest ({self.layer.size:,} bytes). Push the image again, or ask the registry's operators."
        )
