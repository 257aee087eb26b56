"""Content codings of answers. Pure.

Answers are asked for as they are (`Accept-Encoding: identity`). Proxies compress them all the same, and object stores keep
words that are no compression (`aws-chunked`, `utf-8`) beside a blob; engines pull both. So gzip and deflate are undone
where the bytes are compressed, and other words count only where a document cannot be read for them.
"""

import zlib
from collections.abc import Iterator

from bayplan.registry.address import Endpoint
from bayplan.registry.errors import ManifestTooLarge, RegistryError

_MOST_CODINGS = 4  # undone of one answer
_MOST_MEMBERS = 8  # of a gzip file; usually there is one
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 31, 15, -15
_NOT_UNDONE = frozenset({"br", "compress", "zstd", "x-compress", "dcb", "dcz"})


def decoded(body: bytes, header: str, limit_bytes: int, endpoint: Endpoint) -> bytes:
    """The body without the codings that a Content-Encoding header names.

    Raises ManifestTooLarge for more than `limit_bytes`, RegistryError for a compression that is broken or not known.
    """
    codings = [word.strip().lower() for word in header.split(",")]
    for coding in list(reversed(codings))[:_MOST_CODINGS]:
        if coding in ("gzip", "x-gzip") and body.startswith(_GZIP):
            body = _decompressed(body, _GZIP_WINDOW, limit_bytes, endpoint)
        elif coding == "deflate" and not _is_document(body):
            window = _ZLIB_WINDOW if body[:1] and body[0] & 0x0F == zlib.DEFLATED else _RAW_WINDOW
            body = _decompressed(body, window, limit_bytes, endpoint)
        elif coding in _NOT_UNDONE and not _is_document(body):
            raise RegistryError(
                f"'{endpoint.authority}' compresses its answer ({coding}) although the request forbids it. Ask its "
                "operators, or those of a proxy on the way."
            )
    return body


def too_large(endpoint: Endpoint, limit_bytes: int) -> ManifestTooLarge:
    """Gives the error of a document that is not read to its end."""
    return ManifestTooLarge(
        f"'{endpoint.authority}' sends more than {limit_bytes // 1024} KiBfor one document, which is more than bayplan "
        "reads. Build the image with fewer layers and labels."
    )


def _is_document(body: bytes) -> bool:
    """Whether it may be JSON as it is: everything that is read of a registry is a JSON object."""
    return body.lstrip(b" \t\r\n")[:1] == b"{"


def _decompressed(body: bytes, window: int, limit_bytes: int, endpoint: Endpoint) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        for part in _inflated(body, window, limit_bytes + 1):
            parts.append(part)
            size += len(part)
            if size > limit_bytes:
                raise too_large(endpoint, limit_bytes)
    except zlib.error:
        raise RegistryError(
            f"'{endpoint.authority}' sends a damaged compressed answer. Ask its operators, or try again later."
        ) from None
    return b"".join(parts)


def _inflated(body: bytes, window: int, most_bytes: int) -> Iterator[bytes]:
    """The decompressed bytes, no more than `most_bytes` at a time; raises `zlib.error` where they end early."""
    for _ in range(_MOST_MEMBERS):
        stream = zlib.decompressobj(window)
        while not stream.eof:
            part = stream.decompress(body, most_bytes)
            body = stream.unused_data if stream.eof else stream.unconsumed_tail
            yield part
            if not part and not body and not stream.eof:
                raise zlib.error
        if window != _GZIP_WINDOW or not body.startswith(_GZIP):
            return
    raise zlib.error
