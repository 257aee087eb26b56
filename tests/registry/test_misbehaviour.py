"""Registries that send what they should not: each ends in bounds, with a sentence."""

import json

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.client import RegistryClient
from bayplan.registry.errors import DigestMismatch, ManifestInvalid, ManifestTooLarge
from tests.registry.asking import IMAGE, inspected, within
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Asked, Store, serving
from tests.registry.running import OCI_MANIFEST, digest_of

pytestmark = pytest.mark.anyio


async def test_the_honest_one() -> None:
    """What the others are compared with."""
    async with serving(IMAGE.answer) as server:
        inspection = await inspected(server)
    assert inspection.platforms[0].facts["cuda_version"].value == "12.4.1"


async def test_truncated_json() -> None:
    """Half a manifest, with the digest that half a manifest has."""
    half = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST}).encode()[:-9]
    async with serving(lambda asked: asked.answer(200, half, Docker_Content_Digest=digest_of(half))) as server:
        with pytest.raises(ManifestInvalid, match="not valid JSON"):
            await inspected(server)


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 100_000, b"[]", b"\xff\xfe", b"{}", b"null", b'{"manifests": 7}'),
        b'{"schemaVersion": 1, "fsLayers": []}',
        b'{"manifests": [], "config": {}, "layers": []}',
        b'{"mediaType": 3, "config": {}, "layers": []}',
    ],
    ids=range(9),
)
async def test_nonsense(body: bytes) -> None:
    """Whatever comes in place of a manifest, it is `manifest_invalid`."""
    async with serving(lambda asked: asked.answer(200, body)) as server:
        with pytest.raises(ManifestInvalid):
            await inspected(server)


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "x" * 100_000, "\x1b[2J"], ids=range(4))
async def test_a_key_that_is_in_nobodys_sentence_as_it_came(key: str) -> None:
    """What is wrong is said in words that can be stored, sent and shown."""
    store = Store()
    store.with_odd_key("1", key)
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid, match="breaks the OCI specification") as caught:
            await inspected(server)
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 400


@pytest.mark.parametrize("what", ["manifests", "blobs"])
async def test_wrong_digest(what: str) -> None:
    """Bytes that were changed on the way, in the manifest or in the configuration."""

    async def handler(asked: Asked) -> None:
        media_type, body = IMAGE.documents[asked.target]
        changed = body.replace(b"12.4.1", b"99.9.9") + (b" " if what == "manifests" else b"")
        headers = {"Docker_Content_Digest": digest_of(body)} if f"/{what}/" in asked.target else {}
        await asked.answer(200, changed if headers else body, Content_Type=media_type, **headers)

    async with serving(handler) as server:
        with pytest.raises(DigestMismatch, match="does not match its digest"):
            await inspected(server)


async def test_another_digest_than_the_one_asked_for() -> None:
    """A reference with a digest is never answered with another image, by GET or by HEAD."""
    unlocated = Reference.parse(f"x.example.org/ml/x@sha256:{'1' * 64}")
    body = IMAGE.documents["/v2/ml/x/manifests/1"][1]
    async with serving(lambda asked: asked.answer(200, body, Docker_Content_Digest=digest_of(body))) as server:
        reference = Reference.parse(f"{server.host}/ml/x@{unlocated.digest}")
        async with RegistryClient(LOOPBACK, limits=QUICK) as client:
            for ask in (client.manifest, client.digest):
                with pytest.raises(DigestMismatch):
                    await ask(reference)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_manifest_of_200_megabytes(announced: bool) -> None:
    """Refused before it is read where its size is announced, and stopped at the limit where it is not."""
    size, sent = 200 * 1024 * 1024, 0

    async def handler(asked: Asked) -> None:
        nonlocal sent
        asked.begin(200, {"Content-Length": str(size)} if announced else {"Connection": "close"})
        while sent < size:
            asked.writer.write(b"x" * 65536)
            sent += 65536
            await asked.writer.drain()

    async with serving(handler) as server:
        with within(30), pytest.raises(ManifestTooLarge, match="more than 4096 KiB"):
            await inspected(server)
    assert sent < size / 4


async def test_a_configuration_that_says_that_it_is_huge() -> None:
    """Not even asked for."""
    store = Store()
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'0' * 64}", "size": 10**12}
    store.manifest("1", {"mediaType": OCI_MANIFEST, "config": config, "layers": []})
    async with serving(store.answer) as server:
        with pytest.raises(ManifestTooLarge, match="no more than"):
            await inspected(server)
        assert [asked.target for asked in server.asked] == ["/v2/ml/x/manifests/1"]


async def test_an_index_of_thousands() -> None:
    """Refused before any of its entries is asked for."""
    store = Store()
    store.index("1", *(str(number).encode() for number in range(2000)))
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid, match="2000 entries"):
            await inspected(server)
        assert len(server.asked) == 1


async def test_a_tag_that_moves_in_the_middle() -> None:
    """What is read is one image or the other, never a mixture: here the old one is gone, so the new one counts."""
    old, new = Store(), Store()
    for store, cuda in ((old, "11.8.0"), (new, "12.4.1")):
        store.index(
            "1",
            *(
                store.image("", env={"CUDA_VERSION": cuda}, architecture=architecture)
                for architecture in ("amd64", "arm64")
            ),
        )
    asked_for_tag = 0

    async def handler(asked: Asked) -> None:
        nonlocal asked_for_tag
        asked_for_tag += asked.target.endswith("/manifests/1")
        if asked_for_tag == 1 and asked.target.endswith("/manifests/1"):
            await old.answer(asked)
        else:
            await new.answer(asked)  # the old one's manifests are deleted at once

    async with serving(handler) as server:
        inspection = await inspected(server)
    assert inspection.digest == digest_of(new.documents["/v2/ml/x/manifests/1"][1])
    assert {platform.facts["cuda_version"].value for platform in inspection.platforms} == {"12.4.1"}
    assert asked_for_tag == 2


async def test_an_index_whose_images_are_gone() -> None:
    """Not `image_not_found`: the tag is there, and what it names is not."""
    store = Store()
    store.index("1", b"never pushed")
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid, match="not all documents that it names"):
            await inspected(server)


async def test_head_without_a_digest() -> None:
    """Where HEAD does not tell, or is refused, the manifest is read and its digest computed."""
    for status in (200, 405):

        async def handler(asked: Asked, status: int = status) -> None:
            if asked.method == "HEAD":
                await asked.answer(status, Docker_Content_Digest="sha256:short")
            else:
                await IMAGE.answer(asked)

        async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
            digest = await client.digest(Reference.parse(f"{server.host}/ml/x:1"))
        assert digest == digest_of(IMAGE.documents["/v2/ml/x/manifests/1"][1])
