"""Odd documents that engines pull: one odd part of an index does not spoil the rest, and null is nothing."""

import json
from typing import Any

import pytest

from bayplan.domain.facts import facts_from_inspection
from bayplan.registry.content import (
    LEGACY_CONFIGS,
    OCI_INDEX,
    Index,
    Manifest,
    parse_config,
    parse_manifest,
)
from bayplan.registry.errors import ManifestInvalid, RegistryError, RegistryFailing
from bayplan.registry.inspect import MOST_LEVELS
from tests.registry.asking import inspected
from tests.registry.misbehaving import Asked, Store, serving
from tests.registry.running import CONFIG_OF, OCI_MANIFEST, digest_of

pytestmark = pytest.mark.anyio

CUDA = {"CUDA_VERSION": "12.4.1"}
AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64", "variant": "v8"}
OCI_CONFIG = CONFIG_OF[OCI_MANIFEST]
EMPTY = "application/vnd.oci.empty.v1+json"
DIGEST = f"sha256:{'0' * 64}"


def entry(body: bytes, platform: Any = None, kind: Any = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    """The entry of an index for a manifest."""
    described = {"mediaType": kind, "digest": digest_of(body), "size": len(body), **more}
    return described if platform is None else described | {"platform": platform}


def of_kind(store: Store, config_type: str, **more: Any) -> bytes:
    """An artifact of another kind."""
    config = {"mediaType": config_type, "digest": digest_of(b"{}"), "size": 2}
    store.documents[f"/v2/ml/x/blobs/{digest_of(b'{}')}"] = ("application/octet-stream", b"{}")
    return store.manifest("", {"mediaType": OCI_MANIFEST, "config": config, "layers": [], **more})


def layer(kind: str) -> dict[str, Any]:
    """A layer of an artifact."""
    return {"mediaType": kind, "digest": digest_of(b"l"), "size": 1}


def nested(store: Store, *entries: Any) -> bytes:
    """An index."""
    return store.manifest("", {"mediaType": OCI_INDEX, "manifests": list(entries)})


def chain(store: Store, image: bytes, levels: int) -> bytes:
    """An image in an index within indexes."""
    body = nested(store, entry(image, AMD64))
    for _ in range(levels - 1):
        body = nested(store, entry(body, None, OCI_INDEX))
    return body


ODD_ENTRIES: dict[str, Any] = {
    "nothing": None,
    "a text": "sha256:0",
    "a list": [],
    "empty": {},
    "another algorithm": {"mediaType": OCI_MANIFEST, "digest": "md5:0", "size": 1},
    "a negative size": {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": -1},
    "a size beyond range": {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 2**70},
    "a platform that is a text": {"mediaType": OCI_MANIFEST, "digest": DIGEST, "platform": "linux"},
    "not copied": entry(b"never pushed", {"os": "linux", "architecture": "s390x"}),
    "a foreign type": {"mediaType": "application/vnd.example.list+json", "digest": DIGEST, "size": 1},
    "a chart": lambda store: entry(of_kind(store, "application/vnd.cncf.helm.config.v1+json")),
    "an sbom": lambda store: entry(of_kind(store, EMPTY, artifactType="application/spdx+json"), AMD64 | {"os": ""}),
    "a signature of cosign": lambda store: entry(
        of_kind(store, OCI_CONFIG, layers=[layer("application/vnd.dev.cosign.simplesigning.v1+json")])
    ),
    "an attestation of BuildKit, unnamed": lambda store: entry(
        of_kind(store, OCI_CONFIG, layers=[layer("application/vnd.in-toto+json")])
    ),
    "an unknown configuration": lambda store: entry(store.image("", os="unknown", architecture="unknown")),
    "an sbom in a legacy configuration": lambda store: entry(
        of_kind(store, "application/octet-stream", layers=[layer("text/spdx+json")]), AMD64 | {"os": ""}
    ),
    "a bundle of sigstore": lambda store: entry(
        of_kind(store, OCI_CONFIG, artifactType="application/vnd.dev.sigstore.bundle.v0.3+json")
    ),
    "a named artifact": entry(b"unasked", AMD64, artifactType="application/spdx+json"),
    "an attestation": entry(b"unasked", {"os": "unknown", "architecture": "unknown"}),
    "half a character": lambda store: entry(store.image("", env={"CUDA_VERSION": "\ud800"}), AMD64),
    "broken": lambda store: entry(store.manifest("", {"mediaType": OCI_MANIFEST, "config": 7, "layers": []})),
    "an empty index": lambda store: entry(nested(store), None, OCI_INDEX),
    "an index of thousands": lambda store: entry(
        nested(store, *(entry(str(number).encode()) for number in range(2000))), None, OCI_INDEX
    ),
    "too deep": lambda store: entry(chain(store, store.image("", env=CUDA), MOST_LEVELS + 1), None, OCI_INDEX),
}


@pytest.mark.parametrize("kind", ODD_ENTRIES)
async def test_one_odd_entry_does_not_spoil_the_rest(kind: str) -> None:
    store = Store()
    odd = ODD_ENTRIES[kind]
    odd = odd(store) if callable(odd) else odd
    store.manifest("1", {"mediaType": OCI_INDEX, "manifests": [odd, entry(store.image("", env=CUDA), AMD64), odd]})
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
        assert not any(asked.target.endswith(digest_of(b"unasked")) for asked in server.asked)
    assert (platform.os, platform.architecture) == ("linux", "amd64")
    assert platform.facts["cuda_version"].value == "12.4.1"


@pytest.mark.parametrize("kind", sorted(set(ODD_ENTRIES) - {"an index of thousands"}))
async def test_an_index_without_an_image_that_can_be_read(kind: str) -> None:
    store = Store()
    odd = ODD_ENTRIES[kind]
    odd = odd(store) if callable(odd) else odd
    store.manifest("1", {"mediaType": OCI_INDEX, "manifests": [odd]})
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid) as caught:
            await inspected(server)
    assert caught.value.detail.isprintable()


async def test_entries_that_another_try_may_read_are_not_left_out() -> None:
    """An inspection without them would say that the image is not for their platform."""
    store = Store()
    arm64 = store.image("", env=CUDA, architecture="arm64")
    store.manifest(
        "1", {"mediaType": OCI_INDEX, "manifests": [entry(store.image("", env=CUDA), AMD64), entry(arm64, ARM64)]}
    )

    async def handler(asked: Asked, status: int) -> None:
        await (asked.answer(status) if asked.target.endswith(digest_of(arm64)) else store.answer(asked))

    async with serving(lambda asked: handler(asked, 503)) as server:
        with pytest.raises(RegistryFailing):
            await inspected(server)
    for status in (400, 403, 404, 410):
        async with serving(lambda asked, status=status: handler(asked, status)) as server:  # type: ignore[misc]  # a default argument
            assert [platform.architecture for platform in (await inspected(server)).platforms] == ["amd64"]


async def test_images_in_indexes_within_indexes() -> None:
    """In their order, each once; the innermost entry that names a platform names it."""
    store = Store()
    images = {name: store.image("", env=CUDA, architecture=name) for name in ("amd64", "arm64", "riscv64")}
    inner = nested(store, entry(images["arm64"], ARM64), entry(images["riscv64"]), entry(images["amd64"], AMD64))
    plain = nested(store, entry(images["amd64"], {"architecture": "amd64"}, None))
    deep = chain(store, images["amd64"], MOST_LEVELS - 1)
    store.manifest(
        "1",
        {
            "mediaType": OCI_INDEX,
            "manifests": [
                entry(inner, {"os": "linux", "architecture": "riscv64"}, OCI_INDEX),
                entry(plain, {"os": "windows"}, ""),
                entry(deep, None, OCI_INDEX),
            ],
        },
    )
    async with serving(store.answer) as server:
        platforms = (await inspected(server)).platforms
    assert [(platform.os, platform.architecture, platform.variant) for platform in platforms] == [
        ("linux", "arm64", "v8"),
        ("linux", "riscv64", None),
        ("linux", "amd64", None),
        ("windows", "amd64", None),
    ]


@pytest.mark.parametrize("platform", [{}, {"os": ""}, {"os": None, "architecture": None}, {"os": "linux"}])
async def test_a_configuration_without_a_platform(platform: dict[str, Any]) -> None:
    """The index names it; what nobody names stays open, and so do the architectures of the image."""
    store = Store()
    image = store.image("1", env=CUDA)
    config = json.loads(store.documents[next(path for path in store.documents if "/blobs/" in path)][1])
    config = {key: value for key, value in config.items() if key not in ("os", "architecture")} | platform
    body = json.dumps(config).encode()
    store.documents[f"/v2/ml/x/blobs/{digest_of(body)}"] = ("application/octet-stream", body)
    document = json.loads(image)
    document["config"] |= {"digest": digest_of(body), "size": len(body)}
    single = store.manifest("1", document)
    async with serving(store.answer) as server:
        (alone,) = (await inspected(server)).platforms
        store.manifest("1", {"mediaType": OCI_INDEX, "manifests": [entry(single, ARM64)]})
        (listed,) = (await inspected(server)).platforms
    assert (alone.os, alone.architecture) == (platform.get("os") or None, None)
    assert (listed.os, listed.architecture, listed.variant) == ("linux", "arm64", "v8")
    assert alone.facts == listed.facts
    stored: dict[str, Any] = {"os": alone.os, "architecture": alone.architecture, "facts": {}}
    assert "architectures" not in facts_from_inspection([stored], lambda *_: True).facts


NULLS = (
    '{"config": %s, "layers": null}',
    '{"config": %s, "layers": [null]}',
    '{"config": %s, "annotations": null, "mediaType": null, "schemaVersion": null, "subject": null}',
    '{"config": %s, "manifests": null, "annotations": {"a": null}}',
    '{"config": %s, "layers": [{"digest": "sha256:1", "size": null, "annotations": null, "urls": null}]}',
    '{"CONFIG": %s, "Layers": []}',
    '{"config": {}, "config": %s}',
)


@pytest.mark.parametrize("document", NULLS)
def test_null_is_nothing_in_a_manifest(document: str) -> None:
    """As Go's readers take it; keys go without their case, and the last of several counts."""
    config = (
        f'{{"mediaType": null, "digest": "{DIGEST}", "size": null, "platform": null, "annotations": {{"a": null}}}}'
    )
    _, manifest = parse_manifest((document % config).encode(), OCI_MANIFEST, "It")
    assert isinstance(manifest, Manifest)
    assert (manifest.config.digest, manifest.size_bytes) == (DIGEST, 0)


@pytest.mark.parametrize(
    "document",
    ['{"manifests": null}', '{"manifests": [null], "config": null, "layers": null, "annotations": {"a": null}}'],
)
def test_null_is_nothing_in_an_index(document: str) -> None:
    _, index = parse_manifest(document.encode(), OCI_INDEX, "It")
    assert isinstance(index, Index)
    assert index.images == ()


@pytest.mark.parametrize(
    "settings",
    [
        '{"Env": ["A=1", null, "B=2"], "Labels": {"a": null, "b": "c"}}',
        '{"Env": ["A=1", "no value", "B=2"], "Labels": {"a": "", "b": "c"}, "Volumes": null, "Cmd": null, "User": null}',
        '{"ENV": ["A=1", "B=2"], "labels": {"b": "c", "a": null}}',
    ],
)
def test_null_is_nothing_in_a_configuration(settings: str) -> None:
    config = parse_config(f'{{"config": {settings}, "history": null, "rootfs": null, "created": null}}'.encode(), "It")
    assert (config.env, config.labels, config.os) == ({"A": "1", "B": "2"}, {"a": "", "b": "c"}, "")
    for nothing in (b'{"config": null}', b'{"config": {"Env": null, "Labels": null}}', b'{"config": {}}', b"{}"):
        assert (parse_config(nothing, "It").env, parse_config(nothing, "It").labels) == ({}, {})


@pytest.mark.parametrize("created", [5, [], {}, True, "9999-12-31T23:59:59-14:00", "2026-10-01T23:59:60Z"])
async def test_a_time_that_is_none_stays_open(created: Any) -> None:
    store = Store()
    store.image("1", env=CUDA, created=created)
    async with serving(store.answer) as server:
        assert (await inspected(server)).platforms[0].created is None


@pytest.mark.parametrize("media_type", sorted(LEGACY_CONFIGS))
async def test_a_configuration_under_a_general_media_type(media_type: str) -> None:
    """As early registries wrote it, and Docker takes it."""
    store = Store()
    document = json.loads(store.image("1", env=CUDA))
    document["config"]["mediaType"] = media_type
    store.manifest("1", document)
    async with serving(store.answer) as server:
        assert (await inspected(server)).platforms[0].facts["cuda_version"].value == "12.4.1"


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        (["9223372036854775807", "9223372036854775806"], "more than 2^63 bytes"),
        ([str(2**70)], "layers.0.size"),
        (["9" * 5000], "layers.0.size"),
        (["-1"], "layers.0.size"),
        (["1.5"], "layers.0.size"),
        (["1e400"], "layers.0.size"),
        (["NaN"], "not valid JSON"),
    ],
)
def test_sizes_beyond_range(sizes: list[str], reason: str) -> None:
    """The sentence names what is wrong."""
    layers = ",".join(f'{{"digest": "sha256:{number}", "size": {size}}}' for number, size in enumerate(sizes))
    config = f'{{"mediaType": "{OCI_CONFIG}", "digest": "{DIGEST}", "size": 1}}'
    with pytest.raises(ManifestInvalid) as caught:
        parse_manifest(f'{{"config": {config}, "layers": [{layers}]}}'.encode(), "", "It")
    assert reason in caught.value.detail


def test_values_beyond_range_that_nobody_reads() -> None:
    """Long numbers, infinite ones and what is no Unicode do not spoil a document."""
    unread = b'"x": %s, "y": -1e999, "z": "\xff\\ud800", ' % (b"9" * 5000)
    config = parse_config(b'{%s "os": "l\xff", "config": {"Env": ["A=\xed\xa0\x80"]}}' % unread, "It")
    assert (config.os, set(config.env["A"])) == ("l�", {"�"})
    with pytest.raises(ManifestInvalid, match="nested too deeply"):
        parse_config(b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}", "It")


async def test_an_index_of_many_platforms_is_refused_as_a_whole() -> None:
    store = Store()
    store.index("1", *(str(number).encode() for number in range(65)))
    async with serving(store.answer) as server:
        with pytest.raises(RegistryError, match="65 entries"):
            await inspected(server)
