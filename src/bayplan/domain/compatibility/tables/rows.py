"""The parsed rows of each table.

The types hold parsed versions, so that the rules compare and never parse a table's text.
"""

import datetime
from dataclasses import dataclass

from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion


@dataclass(frozen=True, slots=True)
class CudaRelease:
    """A CUDA release and the oldest driver that has everything it needs; None where no driver is published for it."""

    version: str
    full_version: str
    min_driver: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A GPU generation: compute capabilities from `min_cc` up to, but without, `max_cc`; a higher `rank` is newer."""

    name: str
    min_cc: str
    max_cc: str
    rank: float
    source: str

    @property
    def low(self) -> ComputeCapability:
        """The lowest capability in it."""
        return ComputeCapability.parse(self.min_cc)

    @property
    def high(self) -> ComputeCapability:
        """The lowest capability above it."""
        return ComputeCapability.parse(self.max_cc)


@dataclass(frozen=True, slots=True)
class Family:
    """A CUDA major version and the oldest driver for minor-version compatibility within it."""

    cuda_major: int
    min_driver: DriverVersion
    source: str


@dataclass(frozen=True, slots=True)
class Capability:
    """A compute capability, and the first and last CUDA release that compile for it (None: no last one yet)."""

    capability: ComputeCapability
    generation: str
    first_cuda: CudaVersion
    last_cuda: CudaVersion | None
    last_driver_branch: int | None
    tegra: bool
    source: str


@dataclass(frozen=True, slots=True)
class DriverBranch:
    """A driver branch, the newest CUDA that it supports, and until when it is maintained (None: not published)."""

    branch: int
    max_cuda: CudaVersion
    source: str
    designation: str | None = None
    """"long-term support", "production" or "new feature", as NVIDIA calls it."""
    end_of_life: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class CompatBranch:
    """A driver branch that the forward-compatibility package of a CUDA release accepts."""

    cuda: CudaVersion
    driver_branch: int
    source: str


@dataclass(frozen=True, slots=True)
class CompatBrands:
    """The brands of GPUs that the forward-compatibility packages accept, from a CUDA release on."""

    first_cuda: CudaVersion
    brands: frozenset[str]
    source: str
