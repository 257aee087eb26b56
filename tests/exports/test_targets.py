"""The exports for other programs: their files as they are, and that they choose what the judge says runs."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bayplan.domain.compatibility.floor_nodes import Board, boards
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade
from bayplan.domain.versions import DriverVersion
from bayplan.errors import Invalid
from bayplan.exports.compose import compose
from bayplan.exports.dra import dra, expression
from bayplan.exports.kubernetes import kubernetes, node_selector_terms
from bayplan.exports.needs import exported_platforms
from bayplan.exports.nfd import nfd
from bayplan.exports.slurm import slurm
from bayplan.schemas.floors import FloorAnswer
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_image
from tests.exports.cel import evaluated
from tests.exports.floors import CPU, IMAGES, NGC, TORCH, floor_of
from tests.exports.nfd_rules import admits

GOLDEN = Path(__file__).with_name("golden")
TARGETS: Mapping[str, Callable[[FloorAnswer], str]] = {
    "kubernetes.yaml": kubernetes,
    "dra.yaml": dra,
    "slurm.sh": slurm,
    "compose.yaml": lambda floor: compose([floor]),
    "nfd.yaml": nfd,
}
FILES = [
    (name, target)
    for name in IMAGES
    for target in TARGETS
    if name in ("torch", "ngc") or target not in ("dra.yaml", "nfd.yaml")
]


@pytest.mark.parametrize(("name", "target"), FILES)
def test_the_file_is_the_golden_one(name: str, target: str) -> None:
    made = TARGETS[target](floor_of(IMAGES[name], name))
    assert made == (GOLDEN / f"{name}-{target}").read_text(encoding="utf-8")


def some_drivers(dice: random.Random, floor: FloorAnswer) -> Iterator[DriverVersion]:
    """Drivers as NVIDIA numbers them: those at which a range of the floor begins or ends, others near them, and any."""
    texts = {
        text
        for platform in floor["platforms"]
        for gpu in platform["gpus"] or ()
        for span in gpu["drivers"]
        for text in (span["first"], span["below"])
        if text is not None
    }
    for text in sorted(texts):
        branch, minor, revision = (*DriverVersion.parse(text).parts[:3], 0, 0)[:3]
        for numbers in (
            (branch, minor, revision),
            (branch, minor),
            (branch, minor, max(0, revision - 1)),
            (branch, minor + 1),
        ):
            yield DriverVersion.parse(".".join(map(str, numbers)))
    for _ in range(4):
        yield DriverVersion.parse(f"{dice.randint(380, 600)}.{dice.randint(1, 130)}.{dice.randint(1, 20):02}")


def labels(node: Node) -> dict[str, str]:
    """The labels that GPU Feature Discovery publishes of a node."""
    major, minor, revision = (*(node.driver_version or "").split("."), "", "")[:3]
    capability = (node.compute_capability or ".").split(".")
    return {
        "kubernetes.io/arch": node.architecture or "",
        "nvidia.com/cuda.driver-version.major": major,
        "nvidia.com/cuda.driver-version.minor": minor,
        "nvidia.com/cuda.driver-version.revision": revision,
        "nvidia.com/gpu.compute.major": capability[0],
        "nvidia.com/gpu.compute.minor": capability[1],
        "nvidia.com/gpu.memory": str((node.gpu_mem_bytes or 0) >> 20),
        "nvidia.com/gpu.count": str(node.machine_gpus),
    }


def selected(terms: Iterable[Mapping[str, Any]], label: Mapping[str, str]) -> bool:
    """Whether a node with these labels matches a term, as the scheduler of Kubernetes evaluates them."""
    return any(all(_holds(each, label) for each in term["matchExpressions"]) for term in terms)


def _holds(each: Mapping[str, Any], label: Mapping[str, str]) -> bool:
    value = label.get(each["key"])
    if value is None:
        return False
    if each["operator"] == "In":
        return value in each["values"]
    if not value.isdigit():
        return False
    (bound,) = map(int, each["values"])
    assert bound >= 0, "a value is a label's, which begins with a letter or a digit"
    return int(value) > bound if each["operator"] == "Gt" else int(value) < bound


def runs_whatever_the_class(image: Image, node: Node) -> bool:
    """Whether an image uses the GPU of a node, on boards of every class of its capability."""
    same = [board for board in boards(TABLES) if str(board.capability) == node.compute_capability]
    grades = {judge(image, _named(node, board), TABLES, TODAY).grade for board in same}
    return grades <= MATCHED_BY_DEFAULT - {Grade.CPU}


def _named(node: Node, board: Board) -> Node:
    return replace(node, gpu_name=board.name)


def nodes(dice: random.Random, floor: FloorAnswer) -> Iterator[Node]:
    """Nodes around the floor of an image."""
    for driver in some_drivers(dice, floor):
        board = dice.choice(boards(TABLES))
        yield Node(
            driver_version=str(driver),
            compute_capability=str(board.capability),
            gpu_mem_bytes=dice.choice((1 << 30, 64 << 30)),
            architecture=dice.choice(("amd64", "amd64", "arm64")),
            accelerator="cuda",
            machine_gpus=dice.choice((1, 8)),
            shared_memory_bytes=1 << 40,
        )


def in_use(image: Image) -> Image:
    """The image without what makes it unused, and for CUDA on all of its platforms."""
    return replace(
        image,
        deleted=False,
        withdrawn_reason=None,
        missing_in_registry=False,
        end_of_life=None,
        by_architecture=(),
        cpu=False,
    )


@pytest.mark.parametrize("seed", range(4))
def test_affinity_and_claims_choose_the_nodes_on_which_the_judge_says_that_it_runs(seed: int) -> None:
    dice = random.Random(seed)
    held = 0
    for image in (TORCH, NGC, *(in_use(random_image(dice)) for _ in range(12))):
        floor = floor_of(image)
        try:
            platforms = [platform for platform in exported_platforms(floor) if platform["gpus"]]
        except Invalid:
            continue
        terms = node_selector_terms(tuple(platforms))
        specification = yaml.safe_load(nfd(floor))
        by_architecture = {platform["architecture"]: platform for platform in platforms}
        for node in nodes(dice, floor):
            runs = node.architecture in by_architecture and runs_whatever_the_class(image, node)
            assert selected(terms, labels(node)) == runs, (image, node)
            assert admits(specification, node.architecture or "", labels(node)) == runs, (image, node)
            platform = by_architecture.get(node.architecture or "")
            if platform is not None and node.machine_gpus == 8:
                assert evaluated(expression(platform), node) == runs, (image, node)
            held += runs
    assert held


def test_images_of_one_name_are_services_of_their_own() -> None:
    services = yaml.safe_load(compose([floor_of(TORCH, "a"), floor_of(CPU, "a"), floor_of(CPU, "b")]))["services"]
    assert list(services) == ["a", "a-1-0", "b"]


def test_what_is_not_known_is_said_instead() -> None:
    for export in TARGETS.values():
        with pytest.raises(Invalid, match="It is not known with which CUDA release the image was built"):
            export(floor_of(Image()))
    with pytest.raises(Invalid, match="needs no GPU for CUDA"):
        dra(floor_of(CPU))
