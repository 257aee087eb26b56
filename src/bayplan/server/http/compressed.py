"""Long answers as gzip: made, kept and sent so, and unpacked for who does not take it."""

import asyncio
import zlib
from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response

from bayplan.server.http.responses import Parts, header_list, is_known, tagged

_GZIP = 31  # the largest window, and the header of gzip
_LEVEL = 3  # of a matrix: one thirtieth, at 800 MB/s; higher levels take longer and save nothing
_PART_BYTES = 1024 * 1024


def compressed(parts: Iterable[bytes]) -> bytes:
    """Gives these parts as one gzip; only one of them is in memory at a time."""
    packing = zlib.compressobj(_LEVEL, wbits=_GZIP)
    packed = bytearray()
    for part in parts:
        packed += packing.compress(part)
    return bytes(packed + packing.flush())


async def compressed_answer(request: Request, packed: bytes, tag: str) -> Response:
    """Gives the answer that is packed, or 304 where the request has it already."""
    takes_gzip = _takes_gzip(request)
    if takes_gzip or is_known(request, tag):
        answer = tagged(request, packed, tag)
        if answer.status_code == 200:
            answer.headers["Content-Encoding"] = "gzip"
    else:
        answer = tagged(request, Parts(await asyncio.to_thread(lambda: list(_unpacked(packed)))), tag)
    if takes_gzip:
        answer.headers["ETag"] = f'"{tag}-gzip"'  # other bytes; `tags_in` takes one for the other
    answer.headers["Vary"] = "Authorization, Accept-Encoding"
    return answer


def _unpacked(packed: bytes) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(wbits=_GZIP)
    while packed:
        yield unpacking.decompress(packed, _PART_BYTES)
        packed = unpacking.unconsumed_tail
    yield unpacking.flush()


def _takes_gzip(request: Request) -> bool:
    """Whether `Accept-Encoding` names gzip, or everything, and does not refuse it by a weight of 0 (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in (header_list(request, "accept-encoding") or "").lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))
