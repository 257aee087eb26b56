"""Requests and answers of joining: join tokens, the report of a machine, and its credential."""

from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Count, Label, Line, Timestamp, Word
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import DriverText
from bayplan.schemas.nodes import CapabilityText, Host, NodeAnswer

MOST_SECONDS = 31 * 24 * 3600
MOST_FAULT_LETTERS = 1_000


class JoinTokenCreate(Body):
    """How long a join token is valid, in seconds, and for how many machines."""

    expires_in: Annotated[int, Field(ge=1, le=MOST_SECONDS)] = 3600
    uses: Annotated[int, Field(ge=1, le=100_000)] = 1


@answer("JoinTokenMade")
class NewJoinToken(TypedDict):
    """A new join token; it is shown this once."""

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


class Gpu(Body):
    """One GPU as NVML names it. Memory in bytes. Without `fabric_ready` the stored value stays."""

    index: Annotated[int, Field(ge=0, le=65_535)]
    compute_capability: CapabilityText | None = None
    gpu_name: Label | None = None
    gpu_brand: Label | None = None
    gpu_mem: Count | None = None
    fabric_ready: bool | None = None


def _each_once(gpus: list[Gpu]) -> list[Gpu]:
    if len({gpu.index for gpu in gpus}) < len(gpus):
        raise PydanticCustomError("repeated_index", "must have each index once")
    return gpus


class JoinRequest(Body, title="Join"):
    """A machine and all of its GPUs; without any it is one node without GPU. Memory in bytes.

    `fault` says why its hardware cannot be probed, or a part of it; that part is then as it was reported before.
    """

    ip: Host
    architecture: Word | None = None
    cpu_mem: Count | None = None
    driver_version: DriverText | None = None
    gpus: Annotated[list[Gpu], Field(max_length=1_024), AfterValidator(_each_once)] = Field(default=[])

    fault: Annotated[Line, Field(min_length=1, max_length=MOST_FAULT_LETTERS)] | None = None

    def nodes(self) -> list[dict[str, object]]:
        """Gives the machine's nodes, with the columns that the report names."""
        machine = {"architecture": self.architecture, "cpu_mem": self.cpu_mem}
        if not self.gpus:
            # A driver without a GPU runs nothing, and the rules take a node without a driver for one without GPU.
            no_gpu = dict.fromkeys(("driver_version", "compute_capability", "gpu_name", "gpu_brand", "gpu_mem"))
            return [{"index": 0, **machine, **no_gpu}]
        gpus = [gpu.model_dump() for gpu in self.gpus]
        for gpu in gpus:
            if gpu["fabric_ready"] is None:
                del gpu["fabric_ready"]
        return [{**machine, "driver_version": self.driver_version, **gpu} for gpu in gpus]


@answer("JoinAnswer")
class JoinAnswer(TypedDict):
    """The worker's credential, and its nodes by index. The secret is shown this once; null where the worker has it already."""

    worker: str
    secret: str | None
    nodes: list[NodeAnswer]


@answer()
class WorkerAnswer(TypedDict):
    """A machine that joined, with the pks of its nodes; `fault` only where its agent cannot probe all of its hardware."""

    worker: str
    ip: str
    joined: Timestamp
    nodes: list[int]
    fault: NotRequired[str]
