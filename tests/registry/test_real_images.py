"""The real configurations of NVIDIA's CUDA images, pushed to a real registry and read back from it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.evidence import Evidence
from bayplan.registry.inspect import ImageInspection, inspect
from bayplan.registry.interpret import read_facts
from tests.registry.conftest import client_for
from tests.registry.running import DOCKER_LIST, DOCKER_MANIFEST, LAYER, Registry, configuration
from tests.tour import ROOT

DATA = ROOT.parent / "shared" / "data" / "nvidia-cuda-images.jsonl"
REPOSITORY = "nvidia/cuda"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DATA.exists(), reason=f"the list of real images is not here: {DATA}"),
]

Images = dict[str, dict[str, dict[str, Any]]]


def real_images() -> Images:
    """Every real image by its tag and its architecture."""
    images: Images = defaultdict(dict)
    for line in DATA.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        images[row["image"].partition(":")[2]][row["architecture"]] = row
    return images


def different_images() -> Images:
    """Those of them that say something that none before them did: hundreds have the same configuration."""
    images: Images = {}
    seen: set[str] = set()
    for tag, by_architecture in real_images().items():
        contents = {json.dumps([row["architecture"], row["env"], row["labels"]]) for row in by_architecture.values()}
        if contents - seen:
            images[tag] = by_architecture
        seen |= contents
    return images


@pytest.fixture(scope="module")
def pushed(open_registry: Registry) -> Images:
    """Those in the registry: an index where there are several architectures, else a manifest, as Docker has it."""
    images = different_images()
    layer = open_registry.blob(REPOSITORY, LAYER)
    for tag, by_architecture in images.items():
        single = tag if len(by_architecture) == 1 else ""
        entries = [
            open_registry.image_over(
                REPOSITORY, single, configuration(row["env"], row["labels"], architecture), layer, DOCKER_MANIFEST
            )
            for architecture, row in by_architecture.items()
        ]
        if len(entries) > 1:
            open_registry.index(REPOSITORY, tag, entries, DOCKER_LIST)
    return images


async def test_they_come_out_right(open_registry: Registry, pushed: Images) -> None:
    """Architecture, CUDA release, cuDNN, NCCL, start condition, compat package and end of life of each."""
    inspections: dict[str, ImageInspection] = {}
    async with client_for(open_registry) as client:
        for tag in pushed:
            inspections[tag] = await inspect(client, Reference.parse(f"{open_registry.host}/{REPOSITORY}:{tag}"))
    assert sum(len(inspection.platforms) for inspection in inspections.values()) > 300
    for tag, by_architecture in pushed.items():
        assert {platform.architecture for platform in inspections[tag].platforms} == set(by_architecture), tag
        for platform in inspections[tag].platforms:
            row = by_architecture[str(platform.architecture)]
            facts = {name: fact.value for name, fact in platform.facts.items()}
            assert facts == expected(row["env"], row["labels"]), tag
            assert platform.os == "linux"


def expected(env: dict[str, str], labels: dict[str, str]) -> dict[str, object]:
    """What such an image says, worked out in another way than the library does."""
    facts: dict[str, object] = {"cuda_version": env["CUDA_VERSION"], "driver_capabilities": ["compute", "utility"]}
    requirement = "NVIDIA_REQUIRE_CUDA" if "NVIDIA_REQUIRE_CUDA" in env else "CUDA_VERSION"
    facts["requirements"] = {requirement: env[requirement]}
    if "com.nvidia.cudnn.version" in labels:
        facts["cudnn_version"] = labels["com.nvidia.cudnn.version"].split("-")[0]
    if "NCCL_VERSION" in env:
        facts["nccl_version"] = env["NCCL_VERSION"].split("-")[0]
    if "NV_CUDA_COMPAT_PACKAGE" in env:
        facts["compat_package"] = {"cuda": ".".join(env["NV_CUDA_COMPAT_PACKAGE"].split("-")[2:]), "driver": None}
        facts["compat_activation"] = "toolkit"
    if "NVIDIA_CUDA_END_OF_LIFE" in env:
        facts["end_of_life"] = True
    return facts


@pytest.mark.parametrize("variables", [("NV_CUDA_LIB_VERSION", "NV_CUDA_CUDART_VERSION"), ("NV_CUDA_CUDART_VERSION",)])
def test_the_release_is_found_without_cuda_version(variables: tuple[str, ...]) -> None:
    """From the packages alone: never another release than the right one, and never another minor release."""
    exact = rows = 0
    for by_architecture in real_images().values():
        for row in by_architecture.values():
            env = {name: row["env"][name] for name in variables if name in row["env"]}
            fact = read_facts(Evidence(env))["cuda_version"]
            right = row["env"]["CUDA_VERSION"]
            assert fact.value in (right, right.rpartition(".")[0]), row["image"]
            assert fact.certainty == "derived"
            rows += 1
            exact += fact.value == right
    assert exact / rows > 0.6


def test_the_data_is_where_it_is_expected() -> None:
    """The list has what these tests rely on."""
    assert isinstance(DATA, Path)
    assert sum(len(tags) for tags in real_images().values()) > 700
