"""Large blobs are read in order, each byte once: part by part, or whole where a registry gives no parts; and go on after a break."""

import random
from collections.abc import Awaitable, Callable

import pytest

from bayplan.domain.backoff import Backoff
from bayplan.domain.reference import Reference
from bayplan.registry.blobs import MOST_FAILURES, PART_BYTES, blob_parts
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits
from bayplan.registry.content import LayerDescriptor
from bayplan.registry.errors import DigestMismatch, RegistryError, RegistryTimeout, RegistryUnreachable
from bayplan.registry.retry import RetryPolicy
from tests.registry.conftest import LOOPBACK
from tests.registry.misbehaving import Asked, Server, serving
from tests.registry.running import digest_of

pytestmark = pytest.mark.anyio

BLOB = random.Random(4).randbytes(2 * PART_BYTES + 12_345)
AT_ONCE = Backoff(0.001, 0.002)
ONCE = ConnectionLimits(retry=RetryPolicy(attempts=1))
IMPATIENT = ConnectionLimits(answer_seconds=0.5, retry=RetryPolicy(attempts=1))
Answer = Callable[[Asked, int], Awaitable[None]]


async def _break_off(asked: Asked, status: int, body: bytes, sent_bytes: int) -> None:
    """Announces a body, sends its beginning, and hangs up."""
    asked.begin(status, {"Content-Length": str(len(body))})
    asked.writer.write(body[:sent_bytes])
    await asked.writer.drain()
    asked.writer.close()


def _asked_part(asked: Asked) -> bytes:
    first, last = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
    return BLOB[first : last + 1]


async def _read(
    server: Server, size_bytes: int = len(BLOB), digest: str = digest_of(BLOB), limits: ConnectionLimits = ONCE
) -> bytes:
    async with RegistryClient(LOOPBACK, limits=limits) as client:
        layer, reference = LayerDescriptor(digest=digest, size=size_bytes), Reference.parse(f"{server.host}/ml/x:1")
        return b"".join([part async for part in blob_parts(client, reference, layer, None, AT_ONCE)])


async def test_a_connection_that_breaks_goes_on_from_the_part() -> None:
    """And from the same one again, where it breaks again; what was read is not asked for any more."""
    breaks = iter([False, True, True, False, True, False])

    async def handler(asked: Asked) -> None:
        part = _asked_part(asked)
        if next(breaks):
            await _break_off(asked, 206, part, len(part) // 2)
        else:
            await asked.answer(206, part)

    async with serving(handler) as server:
        assert await _read(server) == BLOB
    starts = [int(asked.headers["range"].removeprefix("bytes=").split("-")[0]) // PART_BYTES for asked in server.asked]
    assert starts == [0, 1, 1, 1, 2, 2]


async def test_a_registry_without_parts_sends_the_blob_whole() -> None:
    """In one transfer, and in one more from the start after each break, of which the beginning is passed over."""
    lengths = iter([PART_BYTES + 1, 10, 0, PART_BYTES * 2 + 5, len(BLOB)])

    async def handler(asked: Asked) -> None:
        if "range" in asked.headers:
            await asked.answer(200, BLOB)
        else:
            await _break_off(asked, 200, BLOB, next(lengths))

    async with serving(handler) as server:
        assert await _read(server, digest=digest_of(BLOB)) == BLOB
    assert ["range" in asked.headers for asked in server.asked] == [True, *5 * [False]]


async def test_a_small_blob_may_come_whole_at_once() -> None:
    """Where the registry takes no notice of the part that it is asked for."""
    small = BLOB[:1_000]

    async def handler(asked: Asked) -> None:
        await asked.answer(200, small)

    async with serving(handler) as server:
        assert await _read(server, len(small), digest_of(small)) == small
    assert len(server.asked) == 1


@pytest.mark.parametrize("is_whole", [False, True], ids=["parts", "whole"])
async def test_one_that_stands_still_is_given_up(is_whole: bool) -> None:
    """After so many breaks in a row without a byte between them; one that begins with a break at once."""

    async def handler(asked: Asked) -> None:
        if is_whole and "range" in asked.headers:
            await asked.answer(200, BLOB)
        elif is_whole:
            await _break_off(asked, 200, BLOB, PART_BYTES)
        elif "range" in asked.headers and asked.headers["range"].startswith("bytes=0-"):
            await asked.answer(206, _asked_part(asked))
        else:
            asked.writer.close()

    async def closed(asked: Asked) -> None:
        asked.writer.close()

    async with serving(handler) as server:
        with pytest.raises(RegistryUnreachable, match="broke before"):
            await _read(server)
    assert len(server.asked) == MOST_FAILURES + 1
    async with serving(closed) as server:
        with pytest.raises(RegistryUnreachable, match="broke before"):
            await _read(server)
    assert len(server.asked) == 1


async def test_a_transfer_that_stalls_is_asked_for_again() -> None:
    """As one that breaks is; time that the reader takes is not the registry's."""
    stalls = iter([True, False])

    async def handler(asked: Asked) -> None:
        if "range" in asked.headers:
            await asked.answer(200, BLOB)
        elif next(stalls):
            asked.begin(200, {"Content-Length": str(len(BLOB))})
            asked.writer.write(BLOB[: PART_BYTES + 5])
            await asked.writer.drain()
        else:
            await asked.answer(200, BLOB)

    async with serving(handler) as server:
        assert await _read(server, limits=IMPATIENT) == BLOB


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (206, BLOB[:10], RegistryError, "size is not that of its manifest"),
        (200, BLOB[:-1], RegistryError, "size is not that of its manifest"),
        (200, BLOB + b"x", RegistryError, "size is not that of its manifest"),
        (200, BLOB[:-1] + b"x", DigestMismatch, "does not match its digest"),
    ],
)
async def test_what_is_not_the_blob(status: int, body: bytes, error: type[RegistryError], sentence: str) -> None:
    """Of another size than the manifest says, or of another digest."""

    async def handler(asked: Asked) -> None:
        await asked.answer(status, body)

    async with serving(handler) as server:
        with pytest.raises(error, match=sentence):
            await _read(server)


async def test_a_first_part_that_stalls_fails_in_time() -> None:
    """Whoever asked need not wait a minute to hear that nothing comes."""

    async def handler(asked: Asked) -> None:
        asked.begin(206, {"Content-Length": str(PART_BYTES)})

    async with serving(handler) as server:
        with pytest.raises(RegistryTimeout):
            await _read(server, limits=IMPATIENT)
