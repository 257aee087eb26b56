"""Which image an attached document is about: that of its architecture, and none where documents disagree."""

import json
from typing import Any

import pytest

from bayplan.registry.content import OCI_INDEX
from bayplan.registry.sbom import AttachedDocument
from bayplan.registry.sbom_facts import merged
from tests.registry.asking import inspected
from tests.registry.attaching import (
    SPDX_TYPE,
    artifact,
    by_api,
    by_tag,
    entry,
    spdx,
    values,
)
from tests.registry.misbehaving import Store, serving
from tests.registry.running import digest_of

pytestmark = pytest.mark.anyio


def of(architecture: str, version: str) -> dict[str, Any]:
    """An SBOM of an image for that architecture, as its system packages say."""
    document = spdx({"torch": version})
    purl = f"pkg:deb/ubuntu/libc6@2.39?arch={architecture}&distro=ubuntu-24.04"
    reference = {"referenceType": "purl", "referenceLocator": purl}
    document["packages"].append({"name": "libc6", "versionInfo": "2.39", "externalRefs": [reference]})
    return document


def two_platforms(store: Store) -> list[bytes]:
    """An index of an image for amd64 and one for arm64; gives their manifests, and that of the index."""
    names = ("amd64", "arm64")
    images = [store.image("", env={"A": name}, config={"os": "linux", "architecture": name}) for name in names]
    entries = [
        entry(image, platform={"os": "linux", "architecture": name}) for image, name in zip(images, names, strict=True)
    ]
    return [*images, store.manifest("1", {"mediaType": OCI_INDEX, "manifests": entries})]


@pytest.mark.parametrize(
    ("document", "versions"),
    [
        (of("amd64", "2.9.1+cu130"), ["2.9.1+cu130", None]),
        (of("aarch64", "2.9.1"), [None, "2.9.1"]),
        (spdx(), [None, None]),  # it may be of either
    ],
)
async def test_an_sbom_of_an_index_is_about_the_platform_that_its_packages_name(
    document: dict[str, Any], versions: list[str | None]
) -> None:
    store = Store()
    *_, index = two_platforms(store)
    by_api(store, index, document, SPDX_TYPE)
    async with serving(store.answer) as server:
        platforms = (await inspected(server)).platforms
    assert [values(platform).get("framework_version") for platform in platforms] == versions
    problems = [platform.attached[0].problem for platform in platforms]
    assert [problem is None for problem in problems] == [version is not None for version in versions]


async def test_an_sbom_of_another_platform_is_not_of_this_one() -> None:
    """Also where it is attached to the image itself."""
    store = Store()
    amd64, *_ = two_platforms(store)
    by_api(store, amd64, of("arm64", "2.9.1"), SPDX_TYPE)
    async with serving(store.answer) as server:
        platform, _ = (await inspected(server)).platforms
    assert "framework_version" not in values(platform)
    assert platform.attached[0].problem == "is about an image for arm64"


async def test_documents_that_disagree_say_nothing_of_what_they_disagree_in() -> None:
    """One of them is about another build; a local label is no disagreement."""
    store = Store()
    image = store.image("1", env={"A": "1"})
    by_api(store, image, spdx({"torch": "2.9.1+cu130", "triton": "3.5.1", "vllm": "0.12.0"}), SPDX_TYPE)
    listed = store.documents.pop(f"/v2/ml/x/referrers/{digest_of(image)}")[1]
    older = artifact(store, spdx({"torch": "2.9.1", "triton": "3.5.1", "vllm": "0.11.0"}), SPDX_TYPE)
    index = json.loads(listed)
    index["manifests"].append(entry(older, artifactType=SPDX_TYPE))
    store.documents[f"/v2/ml/x/referrers/{digest_of(image)}"] = (OCI_INDEX, json.dumps(index).encode())
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    facts = values(platform)
    assert (facts["framework"], facts["framework_version"]) == ("PyTorch", "2.9.1+cu130")
    assert "vllm" not in facts["packages"]


def test_debians_packages_of_the_same_name_are_others() -> None:
    packages = (("deb", "torch", "7.0-1"), ("rpm", "triton", "1.0"), ("deb", "libcudnn9-cuda-12", "9.1.0.70-1"))
    facts = merged({}, [AttachedDocument("SBOM (SPDX)", packages)])
    assert {name: fact.value for name, fact in facts.items()} == {"cudnn_version": "9.1.0.70"}


@pytest.mark.parametrize("status", [401, 403, 405, 406, 429, 500, 503])
async def test_a_registry_that_refuses_to_list_referrers(status: int) -> None:
    """The tags that stand for them count."""
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    by_tag(store, image, spdx({"torch": "2.9.1"}), SPDX_TYPE)

    async def answer(asked: Any) -> None:
        await (asked.answer(status, b"no") if "/referrers/" in asked.target else store.answer(asked))

    async with serving(answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert (values(platform)["cuda_version"], values(platform)["framework_version"]) == ("12.4.1", "2.9.1")
