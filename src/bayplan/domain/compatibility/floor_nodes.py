"""The nodes that an image's floor is found with: boards of the tables, each with every driver at which a verdict may change.

Of such a node is known what a board and its driver tell; it has more memory, shared memory and GPUs than any image states.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import chain, product

from bayplan.domain.compatibility.gpu_classes import REFUSED_BRANDS
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import BEFORE_NVIDIA_BRAND, NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.tables.machine_rows import GpuModel
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

ENOUGH_BYTES = 1 << 50
ENOUGH_GPUS = 1 << 20
ANY_DRIVER = DriverVersion.parse("101")
"""A driver of NVIDIA that is older than every other: what runs on it runs on all."""


class GpuClass(StrEnum):
    """The classes of boards that drivers and forward-compatibility libraries tell apart."""

    DATA_CENTRE = "data_centre"
    WORKSTATION = "workstation"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True)
class Board:
    """A GPU for CUDA: its capability, its class, and the name of one of the kind."""

    capability: ComputeCapability
    gpu_class: GpuClass
    name: str


# The next newer release has these numbers after those of a driver with so many; no driver has four.
_AFTER = {1: (0, 1), 2: (0, 1), 3: (1,), 4: ()}


@lru_cache(maxsize=8)
def boards(tables: Tables) -> tuple[Board, ...]:
    """One board of each capability and class that there is, but for Jetson boards, whose drivers are those of Jetson Linux."""
    first: dict[tuple[ComputeCapability, GpuClass], Board] = {}
    for model in tables.machines.gpu_models:
        gpu_class = _class_of(model)
        if gpu_class is None or len(model.capabilities) != 1 or model.capabilities[0] in tables.tegra:
            continue
        key = (model.capabilities[0], gpu_class)
        named = tables.machines.named_gpu(model.words)
        if named.capabilities == model.capabilities and named.data_centre is model.data_centre:
            first.setdefault(key, Board(*key, model.words))
    return tuple(first[key] for key in sorted(first))


def _class_of(model: GpuModel) -> GpuClass | None:
    if model.accelerator != "cuda" or model.data_centre is None:
        return None
    if model.data_centre:
        return GpuClass.DATA_CENTRE
    return GpuClass.CONSUMER if REFUSED_BRANDS & set(model.brands) else GpuClass.WORKSTATION


_ENOUGH = Node(gpu_mem_bytes=ENOUGH_BYTES, shared_memory_bytes=ENOUGH_BYTES, machine_gpus=ENOUGH_GPUS)


# Images are judged on the same nodes, so these are kept; a node takes about 2 KB.
@lru_cache(maxsize=4096)
def node_with_cuda(board: Board, driver: DriverVersion, architecture: str | None, tables: Tables) -> NodeCapabilities:
    """A node with that board and that driver."""
    node = replace(
        _ENOUGH,
        driver_version=driver.first_release,
        compute_capability=str(board.capability),
        gpu_name=board.name,
        architecture=architecture,
        accelerator="cuda",
    )
    return NodeCapabilities(node, tables)


@lru_cache(maxsize=1024)
def node_with_rocm(target: str, driver: str, architecture: str | None, tables: Tables) -> NodeCapabilities:
    """A node with an AMD GPU of that target, and that amdgpu driver."""
    node = replace(_ENOUGH, driver_version=driver, target=target, architecture=architecture, accelerator="rocm")
    return NodeCapabilities(node, tables)


@lru_cache(maxsize=64)
def node_without_gpu(architecture: str | None, tables: Tables) -> NodeCapabilities:
    """A node without a GPU."""
    return NodeCapabilities(Node(architecture=architecture, shared_memory_bytes=ENOUGH_BYTES), tables)


def drivers_compared(image: ImageRequirements) -> tuple[DriverVersion, ...]:
    """Every driver at which the verdict for an image may change, oldest first: those that a rule compares a node's with."""
    tables = image.tables
    named = {
        ANY_DRIVER,
        _branch(BEFORE_NVIDIA_BRAND),
        _branch(tables.newest_branch + 1),
        image.ships_with,
        image.smallest_driver,
        image.own_driver,
        *_around(image.compat_driver),
        *(tables.drivers_of_family(image.cuda_major) if image.cuda is None and image.cuda_major is not None else ()),
    }
    if image.compat_cuda is not None:
        for branch in tables.compat_accepts(image.compat_cuda):
            named |= {_branch(branch), _branch(branch + 1)}
    for cuda in {image.cuda, image.base_cuda, image.compat_cuda, *_cudas_in_conditions(image)} - {None}:
        named |= set(_branches_around(cuda, tables))
    if image.cuda_major is not None:
        named |= set(_branches_around(CudaVersion(image.cuda_major, 0), tables))
        named |= set(_branches_around(CudaVersion(image.cuda_major + 1, 0), tables))
    named |= set(_drivers_in_conditions(image))
    return tuple(sorted(driver for driver in named if driver is not None))


def _branch(number: int) -> DriverVersion:
    return DriverVersion.parse(str(number))


def _around(driver: DriverVersion | None) -> Iterator[DriverVersion]:
    """A driver, the first that is newer, and the beginnings of its branch and of the next."""
    if driver is not None:
        yield from (driver, _branch(driver.branch), _branch(driver.branch + 1))
        yield DriverVersion.parse(".".join(map(str, (*driver.parts[:3], *_AFTER[len(driver.parts)]))))


def _branches_around(cuda: CudaVersion | None, tables: Tables) -> Iterator[DriverVersion]:
    """The first driver branch that supports a CUDA release, and the first that supports a newer one."""
    if cuda is not None:
        rows = tables.driver_branches
        for supporting in (
            [row.branch for row in rows if row.max_cuda.release >= cuda.release],
            [row.branch for row in rows if row.max_cuda.release > cuda.release],
        ):
            if supporting:
                yield _branch(min(supporting))


def _comparisons(image: ImageRequirements) -> Iterator[tuple[str, str]]:
    for condition in image.conditions[0]:
        for comparison in chain.from_iterable(condition.alternatives):
            yield comparison.property, comparison.value


def _cudas_in_conditions(image: ImageRequirements) -> Iterator[CudaVersion]:
    for name, value in _comparisons(image):
        cuda = read(CudaVersion.parse, value if "." in value else f"{value}.0") if name == "cuda" else None
        if cuda is not None:
            yield cuda


def _drivers_in_conditions(image: ImageRequirements) -> Iterator[DriverVersion]:
    for name, value in _comparisons(image):
        if name == "driver":
            yield from _around(read(DriverVersion.parse, value))


def gfx_targets(tables: Tables) -> Mapping[str, tuple[str, ...]]:
    """AMD's targets, each with all its forms: the target alone, then with each setting of its features."""
    return {
        processor: (
            processor,
            *(
                f"{processor}:{':'.join(f'{name}{sign}' for name, sign in zip(sorted(row.features), signs, strict=True))}"
                for signs in product("-+", repeat=len(row.features))
                if row.features
            ),
        )
        for processor, row in tables.machines.gfx.items()
        if "generic" not in processor
    }
