"""What an image needs of a node."""

from typing import Literal

from typing_extensions import TypedDict

from bayplan.schemas.components import answer
from bayplan.schemas.match import ReasonAnswer

GpuClassName = Literal["data_centre", "workstation", "consumer"]
GpuGrade = Literal["native", "minor", "forward", "jit"]


@answer()
class DriverRangeAnswer(TypedDict):
    """Drivers with which an image runs by one grade: from `first` on (null: any) up to, but without, `below` (null: no end)."""

    grade: GpuGrade
    first: str | None
    below: str | None


@answer()
class GpuFloorAnswer(TypedDict):
    """The drivers with which an image runs on GPUs of a compute capability and of these classes; none if only other classes run it."""

    compute_capability: str
    classes: list[GpuClassName]
    drivers: list[DriverRangeAnswer]


@answer()
class RocmFloorAnswer(TypedDict):
    """The AMD targets that an image runs on, and the amdgpu drivers that AMD supports with its ROCm, oldest first."""

    targets: list[str]
    drivers: list[str]


@answer()
class SmallestDrivers(TypedDict):
    """The smallest driver of each grade by which an image runs on some GPU; null where no GPU has that grade."""

    native: str | None
    minor: str | None
    forward: str | None
    jit: str | None


@answer()
class PlatformFloorAnswer(TypedDict):
    """What a node of one architecture needs for an image; `missing` says what is not known, `out_of_use` why it is not used."""

    architecture: str
    is_architecture_known: bool
    accelerator: str | None
    runs_on_cpu: bool
    drivers: SmallestDrivers
    cuda: str | None
    gpus: list[GpuFloorAnswer] | None
    rocm: RocmFloorAnswer | None
    gpu_memory_bytes: int | None
    shared_memory_bytes: int | None
    gpu_count: int | None
    missing: list[ReasonAnswer]
    out_of_use: list[ReasonAnswer]


@answer()
class FloorAnswer(TypedDict):
    """What an image needs of a node, by architecture. `reference` is by digest where that is known, `url` as entered."""

    pk: int
    name: str
    version: str
    url: str
    reference: str
    digest: str | None
    platforms: list[PlatformFloorAnswer]


@answer()
class RunnableImageAnswer(TypedDict):
    """An image that some node of the catalogue runs, with its reference: by digest where the digest is known."""

    pk: int
    name: str
    version: str
    reference: str
    digest: str | None
