"""The tar in a layer: unpacks gzip and zstd, passes what is not compressed; in bounded memory, and no more than is believable."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bayplan.domain import units
from bayplan.scan.errors import ScanFailed

CHUNK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f: the frame that `zstd:chunked` layers may begin with
_OTHERS = {
    b"\xfd7zX": "xz",
    b"BZh": "bzip2",
}  # Docker and Podman unpack them; the OCI image-spec has gzip and zstd alone
_MOST_WINDOW_BYTES = (
    1 << 26
)  # of zstd: eight times what those who build images use; only `zstd --ultra` and `--long` use more


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much a layer may unpack to: so many bytes, and so many times its own size (where it is more than `free_bytes`)."""

    most_bytes: int = 1 << 39
    most_ratio: int = 300
    free_bytes: int = 1 << 28


LIMITS = UnpackLimits()


def unpacked(chunks: Iterable[bytes], limits: UnpackLimits = LIMITS) -> Iterator[bytes]:
    """Gives the unpacked bytes, at most `CHUNK_BYTES` at a time of a compressed layer; raises `ScanFailed`."""
    packed_bytes = unpacked_bytes = 0

    def counted() -> Iterator[bytes]:
        nonlocal packed_bytes
        for chunk in chunks:
            packed_bytes += len(chunk)
            yield chunk

    for chunk in _decompress(counted()):
        unpacked_bytes += len(chunk)
        allowed = max(limits.free_bytes, limits.most_ratio * packed_bytes)
        if unpacked_bytes > min(limits.most_bytes, allowed):
            raise ScanFailed(
                f"A layer of {units.size(packed_bytes)} or more unpacks to more than {units.size(unpacked_bytes)}, which "
                "no image does."
            )
        yield chunk
    if packed_bytes and not unpacked_bytes:
        raise ScanFailed("A layer is not complete: nothing of it can be unpacked.")


def _decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= 4:
            break
    if head.startswith(_GZIP):
        return _gunzip(_begin(head, chunks))
    if head.startswith(_ZSTD) or (head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5):
        return _unzstd(_begin(head, chunks))
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            raise ScanFailed(
                f"A layer is compressed with {name}, which bayplan does not read. Push the image again with gzip or zstd."
            )
    return _begin(head, chunks)


def _begin(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpacks gzip of several members (as pigz and eStargz write it); zeros after the last one are padding."""
    member, is_open = zlib.decompressobj(31), False
    for chunk in chunks:
        data = chunk
        while data:
            if not is_open:
                data = data.lstrip(b"\0")
                if not data:
                    break
                member, is_open = zlib.decompressobj(31), True
            try:
                piece = member.decompress(data, CHUNK_BYTES)
            except zlib.error:
                raise ScanFailed("A layer is damaged: its gzip cannot be unpacked.") from None
            if piece:
                yield piece
            is_open = not member.eof
            data = member.unused_data if member.eof else member.unconsumed_tail
    if is_open:
        raise ScanFailed("A layer is not complete: its gzip ends early.")


class _Source:
    """What zstandard reads from: chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard  # only where a layer is so compressed: it takes memory

    context = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
    reader = context.stream_reader(_Source(chunks), read_size=CHUNK_BYTES, read_across_frames=True)  # type: ignore[arg-type]  # it only reads
    read: Callable[[int], bytes] = reader.read
    while True:
        try:
            piece = read(CHUNK_BYTES)
        except zstandard.ZstdError as error:
            if "memory" in str(error):
                raise ScanFailed(
                    f"A layer needs a window of more than {units.size(_MOST_WINDOW_BYTES)} to unpack."
                ) from None
            raise ScanFailed("A layer is damaged: its zstd cannot be unpacked.") from None
        if not piece:
            return
        yield piece
