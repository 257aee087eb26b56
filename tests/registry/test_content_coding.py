"""Content codings that engines take: the digest is of what they give, and nothing is decompressed without bounds."""

import gzip
import time
import zlib
from functools import partial

import pytest

from bayplan.registry.address import Endpoint
from bayplan.registry.content_coding import decoded
from bayplan.registry.errors import ManifestTooLarge, RegistryError
from tests.registry.asking import IMAGE, inspected
from tests.registry.misbehaving import Asked, serving
from tests.registry.running import digest_of

HERE = Endpoint("https", "registry.example.org", 443)
BODY = b'{"a": 1}'
gzipped = partial(gzip.compress, mtime=0)  # a time in the body would be in the names of the tests
RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(BODY) + RAW.flush()


@pytest.mark.parametrize(
    ("header", "body"),
    [
        *((header, BODY) for header in ("", "identity", "identity, identity", "Identity", "utf-8", "UTF-8, identity")),
        *(
            (header, BODY)
            for header in ("aws-chunked", "aws-chunked,utf-8", "none", ",", "gzip", "deflate", "br", "zstd")
        ),
        ("gzip", gzipped(BODY)),
        ("GZIP", gzipped(BODY)),
        ("x-gzip", gzipped(BODY)),
        ("aws-chunked, gzip", gzipped(BODY)),
        ("gzip, identity", gzipped(BODY)),
        ("gzip, gzip", gzipped(gzipped(BODY))),
        ("deflate, gzip", gzipped(zlib.compress(BODY))),
        ("gzip", gzipped(BODY[:3]) + gzipped(BODY[3:])),
        ("gzip", gzipped(BODY) + b"\0\0"),
        ("deflate", zlib.compress(BODY)),
        ("deflate", DEFLATED),
    ],
)
def test_codings_that_are_undone(header: str, body: bytes) -> None:
    assert decoded(body, header, 100, HERE) == BODY


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ("gzip", gzipped(BODY)[:-9], "damaged"),
        ("gzip", gzipped(BODY)[:10], "damaged"),
        ("gzip", gzipped(b"") * 1000, "damaged"),
        ("deflate", b"\x78\x9c", "damaged"),
        ("br", b"\x0b\x02\x80", "br"),
        ("zstd", b"\x28\xb5\x2f\xfd", "zstd"),
    ],
)
def test_codings_that_cannot_be_undone(header: str, body: bytes, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason):
        decoded(body, header, 100, HERE)


def test_a_bomb_goes_off_nowhere() -> None:
    """Ten gigabytes in ten megabytes are not decompressed beyond the limit; nor is a bomb in a bomb."""
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    begun = time.process_time()
    for header, body in (("gzip", bomb), ("gzip, gzip", gzip.compress(bomb)), ("deflate", zlib.compress(bytes(10**7)))):
        with pytest.raises(ManifestTooLarge):
            decoded(body, header, 4 * 1024 * 1024, HERE)
    assert time.process_time() - begun < 5


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["/manifests/", "/blobs/"])
async def test_a_proxy_that_compresses_all_the_same(what: str) -> None:
    """Manifest and configuration, whose digests are of the documents."""

    async def handler(asked: Asked) -> None:
        if asked.target not in IMAGE.documents:  # what may be attached
            await asked.answer(404)
            return
        kind, body = IMAGE.documents[asked.target]
        sent = gzip.compress(body) if what in asked.target else body
        coding = "gzip" if what in asked.target else "aws-chunked"
        await asked.answer(200, sent, Content_Type=kind, Content_Encoding=coding, Docker_Content_Digest=digest_of(body))

    async with serving(handler) as server:
        assert (await inspected(server)).platforms[0].facts["cuda_version"].value == "12.4.1"
