"""Requests and answers of joining: join tokens, the report of a machine, and its credential."""

from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Count, Label, Line, Timestamp, Word
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import DriverText
from bayplan.schemas.facts import Accelerator, Target
from bayplan.schemas.nodes import (
    CapabilityText,
    CudaOfDriver,
    Host,
    HostName,
    L4tVersion,
    MigProfile,
    NodeAnswer,
    RuntimeMode,
)

MOST_SECONDS = 31 * 24 * 3600
MOST_FAULT_LETTERS = 1_000


class JoinTokenCreate(Body):
    """How long a join token is valid, in seconds, and for how many machines."""

    expires_in: Annotated[int, Field(ge=1, le=MOST_SECONDS)] = 3600
    uses: Annotated[int, Field(ge=1, le=100_000)] = 1


@answer("JoinTokenMade")
class NewJoinToken(TypedDict):
    """A new join token. It is shown only once."""

    pk: int
    token: str
    expires: Timestamp


@answer()
class JoinTokenAnswer(TypedDict):
    """A join token without its secret text."""

    pk: int
    created: Timestamp
    expires: Timestamp
    uses: int
    uses_left: int
    creator: int
    creator_name: str
    last_used: Timestamp | None


class Gpu(Body):
    """One GPU as its driver names it, or a slice of one. Memory in bytes.

    Where it does not name one of the facts from `fabric_ready` on, the stored value stays. A GPU of AMD has a `driver_version` of
    its own, and none of the facts of NVIDIA's driver and container toolkit.
    """

    index: Annotated[int, Field(ge=0, le=65_535)]
    compute_capability: CapabilityText | None = None
    gpu_name: Label | None = None
    gpu_brand: Label | None = None
    gpu_mem: Count | None = None
    fabric_ready: bool | None = None
    accelerator: Accelerator | None = None
    target: Target | None = None
    mig_profile: MigProfile | None = None
    vgpu_licensed: bool | None = None
    driver_version: DriverText | None = None

    def columns(self) -> dict[str, object]:
        """Gives its columns, those of its facts that the report names."""
        unnamed = (_GPU_FACTS | {"driver_version"}) - self.model_fields_set
        if self.fabric_ready is None:
            unnamed |= {"fabric_ready"}
        columns = {name: value for name, value in self.model_dump().items() if name not in unnamed}
        return columns if self.accelerator in (None, "cuda") else _OF_NVIDIA | columns


_GPU_FACTS = frozenset({"fabric_ready", "accelerator", "target", "mig_profile", "vgpu_licensed"})
_OF_NVIDIA: dict[str, object] = dict.fromkeys(
    ("driver_version", "driver_cuda_version", "cdi_driver_version", "runtime_mode", "toolkit_version", "l4t_version")
)
_DRIVER_FACTS = frozenset({"driver_cuda_version", "cdi_driver_version"})
_MACHINE_FACTS = frozenset(
    {"runtime_mode", "toolkit_version", "l4t_version", "wsl", "kernel_version", "shared_memory_bytes", "hostname"}
)
# A driver without a GPU runs nothing, and the rules take a node without a driver for one without GPU.
_WITHOUT_GPU = dict.fromkeys(
    ("driver_version", "compute_capability", "gpu_name", "gpu_brand", "gpu_mem", *sorted(_GPU_FACTS | _DRIVER_FACTS))
)


def _each_once(gpus: list[Gpu]) -> list[Gpu]:
    if len({gpu.index for gpu in gpus}) < len(gpus):
        raise PydanticCustomError("repeated_index", "must have each index once")
    return gpus


class JoinRequest(Body, title="Join"):
    """A machine and all of its GPUs; without any it is one node without GPU. Memory in bytes.

    Where it does not name one of the facts from `driver_cuda_version` on, the stored value stays; null clears it.
    `fault` says why its hardware cannot be probed, or a part of it; that part is then as it was reported before.
    """

    ip: Host
    architecture: Word | None = None
    cpu_mem: Count | None = None
    driver_version: DriverText | None = None
    driver_cuda_version: CudaOfDriver | None = None
    cdi_driver_version: DriverText | None = None
    runtime_mode: RuntimeMode | None = None
    toolkit_version: Label | None = None
    l4t_version: L4tVersion | None = None
    wsl: bool | None = None
    kernel_version: Label | None = None
    shared_memory_bytes: Count | None = None
    hostname: HostName | None = None
    gpus: Annotated[list[Gpu], Field(max_length=1_024), AfterValidator(_each_once)] = Field(default=[])

    fault: Annotated[Line, Field(min_length=1, max_length=MOST_FAULT_LETTERS)] | None = None

    def nodes(self) -> list[dict[str, object]]:
        """Gives the machine's nodes, with the columns that the report names."""
        machine: dict[str, object] = {"architecture": self.architecture, "cpu_mem": self.cpu_mem}
        machine |= {name: getattr(self, name) for name in _MACHINE_FACTS & self.model_fields_set}
        if not self.gpus:
            return [{"index": 0, **machine, **_WITHOUT_GPU}]
        machine["driver_version"] = self.driver_version
        machine |= {name: getattr(self, name) for name in _DRIVER_FACTS & self.model_fields_set}
        return [{**machine, **gpu.columns()} for gpu in self.gpus]


@answer("JoinAnswer")
class JoinAnswer(TypedDict):
    """The worker's credential, and its nodes by index. The secret is shown only once; it is null if the worker has one already."""

    worker: str
    secret: str | None
    nodes: list[NodeAnswer]


@answer()
class WorkerAnswer(TypedDict):
    """A machine that has joined, the last heartbeat of its nodes, and their pks. `fault` is there if its agent cannot probe all of it."""

    worker: str
    ip: str
    joined: Timestamp
    last_seen: Timestamp | None
    nodes: list[int]
    fault: NotRequired[str]
