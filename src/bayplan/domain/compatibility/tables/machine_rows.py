"""The parsed rows of the tables about machines: names of GPUs, AMD's targets and drivers, Jetson Linux, container toolkits."""

import datetime
from dataclasses import dataclass

from bayplan.domain.versions import ComputeCapability, CudaVersion

RocmVersion = tuple[int, int]
"""Major and minor, on which the support of a driver depends."""


@dataclass(frozen=True, slots=True)
class GpuModel:
    """Words in a GPU's name, and what is true of the boards of that name; of a family or a vendor only what all have.

    Several capabilities or targets: the words alone do not say which board it is. `data_centre` None: they differ.
    """

    words: str
    accelerator: str
    capabilities: tuple[ComputeCapability, ...]
    targets: tuple[str, ...]
    memory_gib: tuple[int, ...]
    """The sizes that it is sold with."""
    data_centre: bool | None
    brands: tuple[str, ...]
    """The words that a start condition may have for it."""
    source: str

    @property
    def is_board(self) -> bool:
        """Whether it is a model, and no family and no vendor."""
        return bool(self.capabilities or self.targets)


@dataclass(frozen=True, slots=True)
class GfxTarget:
    """A target of AMD GPUs, the family of its architecture, and the generic target of LLVM that lists it; "" for none."""

    processor: str
    family: str
    generic: str
    features: tuple[str, ...]
    """The features that its code may name: xnack, sramecc."""
    source: str


@dataclass(frozen=True, slots=True)
class RocmRelease:
    """A ROCm release and its day; None where the day is in no table."""

    release: RocmVersion
    released: datetime.date | None
    source: str


@dataclass(frozen=True, slots=True)
class AmdgpuDriver:
    """A release of the amdgpu kernel driver, the version of its module, and the ROCm releases that AMD supports with it."""

    driver: str
    module: str
    rocm: RocmVersion
    """The release that it came with."""
    tested_rocm: frozenset[RocmVersion]
    source: str


@dataclass(frozen=True, slots=True)
class L4tRelease:
    """A release of Jetson Linux (L4T), and the CUDA of its driver."""

    l4t: str
    cuda: CudaVersion
    source: str


@dataclass(frozen=True, slots=True)
class ToolkitFault:
    """A fault of releases of the NVIDIA container toolkit, from `first` up to, but without, `fixed` (None: in all since).

    `conditions` say where it shows, as words of `rules/node_state.py`; `stops` whether containers fail to start there.
    """

    first: str
    fixed: str | None
    conditions: frozenset[str]
    stops: bool
    fault: str
    source: str
