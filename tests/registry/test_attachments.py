"""SBOMs and provenance that are attached to images: found in each place where builders put them, and never in the way."""

import json
from typing import Any

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.attachments import DOCUMENT_BYTES
from bayplan.registry.client import RegistryClient
from bayplan.registry.content import OCI_INDEX
from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.inspect import inspect
from bayplan.registry.remembered import Remembered
from tests.registry.asking import inspected
from tests.registry.attaching import (
    BUNDLE,
    CYCLONEDX_TYPE,
    DSSE,
    EMPTY,
    FACTS,
    IN_TOTO,
    PACKAGES,
    PROVENANCE,
    PROVENANCE_1,
    SPDX_TYPE,
    artifact,
    by_api,
    by_cosign,
    by_tag,
    cyclonedx,
    entry,
    envelope,
    in_index,
    spdx,
    spdx3,
    statement,
    syft,
    values,
)
from tests.registry.conftest import LOOPBACK, QUICK, client_for
from tests.registry.misbehaving import Store, serving
from tests.registry.running import OCI_MANIFEST, Registry, configuration, digest_of

pytestmark = pytest.mark.anyio

PLACES = {"in the index": in_index, "by the API": by_api, "by its tag": by_tag, "by cosign's tag": by_cosign}
DOCUMENTS = {
    "SPDX": (spdx(), SPDX_TYPE),
    "SPDX 3": (spdx3(), SPDX_TYPE),
    "CycloneDX": (cyclonedx(), CYCLONEDX_TYPE),
    "Syft": (syft(), "application/vnd.syft+json"),
    "a statement": (statement(spdx()), IN_TOTO),
    "a statement about CycloneDX": (statement(cyclonedx(), "https://cyclonedx.org/bom"), IN_TOTO),
    "an envelope": (envelope(statement(spdx())), DSSE),
    "a bundle": ({"dsseEnvelope": envelope(statement(spdx()))}, BUNDLE),
    "an old predicate": (statement({"Data": json.dumps(spdx())}), IN_TOTO),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("document", DOCUMENTS)
async def test_packages_become_facts(place: str, document: str) -> None:
    """Wherever the document is, and whatever its format."""
    store = Store()
    image = store.image("1", env={"A": "1"})
    content, kind = DOCUMENTS[document]
    PLACES[place](store, image, content, kind)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
        assert not any(asked.target.endswith(digest_of(b"unasked")) for asked in server.asked)
    assert values(platform) == FACTS
    assert all(fact.source.startswith("SBOM (") for fact in platform.facts.values())
    (attachment,) = platform.attached
    assert (
        attachment.problem,
        attachment.kind in {fact.source.rpartition(" ")[0] for fact in platform.facts.values()},
    ) == (None, True)
    assert attachment.packages in (len(PACKAGES), len(PACKAGES) + 1)  # CycloneDX has one around them


@pytest.mark.parametrize("predicate", [(PROVENANCE, "v0.2"), (PROVENANCE_1, "v1")])
async def test_provenance_tells_bases_and_arguments(predicate: tuple[dict[str, Any], str]) -> None:
    store = Store()
    image = store.image("1")
    document = statement(predicate[0], f"https://slsa.dev/provenance/{predicate[1]}", digest_of(image))
    in_index(store, image, document, IN_TOTO)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert values(platform) == {
        "accelerator": "rocm",
        "rocm_version": "6.3.1",
        "base_images": ["rocm/dev-ubuntu-22.04:6.3.1-complete"],
        "framework": "PyTorch",
        "framework_version": "2.6.0",
    }
    assert [(item.kind, item.packages, item.problem) for item in platform.attached] == [("provenance", None, None)]


async def test_what_the_image_states_counts_before_what_is_attached() -> None:
    """And what is attached before what is worked out."""
    store = Store()
    history = [{"created_by": "RUN /bin/sh -c pip install torch==2.0.0+cu118"}]
    image = store.image("1", env={"CUDNN_VERSION": "9.1.0.70", "CUDA_VERSION": "12.8.1"}, history=history)
    by_api(store, image, spdx(), SPDX_TYPE)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    facts = values(platform)
    assert (facts["cudnn_version"], facts["framework_version"]) == ("9.1.0.70", "2.9.1+cu130")
    assert (facts["cuda_version"], facts["framework_cuda"]) == ("12.8.1", "13.0")


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", SPDX_TYPE),
    "a list": (b"[]", SPDX_TYPE),
    "no Base64": ({"payloadType": IN_TOTO, "payload": "%%%"}, DSSE),
    "nested": ({"dsseEnvelope": {"dsseEnvelope": {"dsseEnvelope": {"dsseEnvelope": {"dsseEnvelope": {"dsseEnvelope": {}}}}}}}, BUNDLE),
    "deep": (b'{"spdxVersion": ' + b"[" * 5000 + b"]" * 5000 + b"}", SPDX_TYPE),
    "of another image": (statement(spdx(), about=f"sha256:{'0' * 64}"), IN_TOTO),
    "too many packages": (b'{"spdxVersion": "2", "packages": [' + b"{}," * 100_000 + b"{}]}", SPDX_TYPE),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_document_never_spoils_the_inspection(kind: str) -> None:
    """The answer says what is wrong with it."""
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    by_api(store, image, *BROKEN[kind])
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert set(platform.facts) == {"cuda_version", "requirements"}
    (attachment,) = platform.attached
    assert attachment.problem is not None
    assert attachment.problem.isprintable()


@pytest.mark.parametrize("change", ["a size beyond the limit", "not there", "another digest", "no digest", "thousands"])
async def test_a_lying_manifest_never_spoils_the_inspection(change: str) -> None:
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    layers: dict[str, dict[str, Any]] = {
        "a size beyond the limit": {"size": DOCUMENT_BYTES + 1},
        "not there": {"digest": f"sha256:{'0' * 64}"},
        "no digest": {"digest": "../../x", "mediaType": SPDX_TYPE},
    }
    layer = layers.get(change, {})
    attached = artifact(store, spdx(), SPDX_TYPE, layer=layer, annotations={"a": "b"})
    if change == "another digest":
        path = next(path for path in store.documents if path.endswith(digest_of(json.dumps(spdx()).encode())))
        store.documents[path] = ("application/json", json.dumps(spdx({"torch": "1.0"})).encode())
    entries = [entry(attached, artifactType=SPDX_TYPE)]
    if change == "thousands":
        entries = [entry(str(number).encode(), artifactType="\ud800\x1b" * 80) for number in range(3000)]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    store.documents[f"/v2/ml/x/referrers/{digest_of(image)}"] = (OCI_INDEX, body)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
        assert len(server.asked) < 60
    assert platform.facts["cuda_version"].value == "12.4.1"
    assert 1 <= len(platform.attached) <= 40
    assert all(item.problem and item.kind.isprintable() for item in platform.attached)


@pytest.mark.parametrize(
    "answer", [(OCI_INDEX, b"["), (OCI_INDEX, b"{}"), (OCI_MANIFEST, b'{"config": 7}'), ("x", b"")]
)
async def test_an_odd_list_of_referrers_is_none(answer: tuple[str, bytes]) -> None:
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    store.documents[f"/v2/ml/x/referrers/{digest_of(image)}"] = answer
    store.documents["/v2/ml/x/tags/list?n=1000&last=sha"] = ("application/json", b'{"tags": {}}')
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert (set(platform.facts), platform.attached) == ({"cuda_version", "requirements"}, ())


async def test_a_real_registry_without_the_api(open_registry: Registry) -> None:
    """It is asked for it once, and for tags once in an inspection; attached documents by themselves are no image."""
    pushed = open_registry.image("ml/signed", "1", configuration({"A": "1"}))
    body = json.dumps(spdx()).encode()
    described, empty = open_registry.blob("ml/signed", body), open_registry.blob("ml/signed", b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": SPDX_TYPE,
        "config": {"mediaType": EMPTY, **empty},
        "layers": [{"mediaType": SPDX_TYPE, **described}],
    }
    attached = open_registry.manifest("ml/signed", "", document)
    tag = pushed["digest"].replace(":", "-")
    open_registry.index("ml/signed", tag, [attached | {"artifactType": SPDX_TYPE}])
    before = len(open_registry.requests)
    async with client_for(open_registry) as client:
        for _ in range(2):
            inspection = await inspect(client, Reference.parse(f"{open_registry.host}/ml/signed:1"))
            assert values(inspection.platforms[0]) == FACTS
        asked = open_registry.requests[before:]
        assert sum("/referrers/" in line for line in asked) == 1
        assert sum("/tags/list" in line for line in asked) == 2
        for name in (f"@{attached['digest']}", f":{tag}"):
            with pytest.raises(ManifestInvalid, match=r"names no image|not an image"):
                await inspect(client, Reference.parse(f"{open_registry.host}/ml/signed{name}"))


async def test_checks_ask_for_no_documents() -> None:
    store = Store()
    store.image("1")
    async with serving(store.answer) as server:
        async with RegistryClient(LOOPBACK, limits=QUICK) as client:
            await client.digest(Reference.parse(f"{server.host}/ml/x:1"))
        assert {asked.target for asked in server.asked} == {"/v2/ml/x/manifests/1"}


def test_what_is_remembered_ends() -> None:
    """And has a bound."""
    now = [100.0]
    memory: Remembered[str] = Remembered(10.0, 2, lambda: now[0])
    memory.put("a", "x")
    assert (memory.get("a"), memory.get("b")) == ("x", None)
    now[0] = 111.0
    assert memory.get("a") is None
    for name in "abc":
        memory.put(name, "y")
    assert [memory.get(name) for name in "abc"] == [None, None, "y"]
