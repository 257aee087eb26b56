"""Requests and answers about nodes: a node is a GPU of a machine, or a machine without one."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.domain.machine_address import machine_address
from bayplan.domain.versions import ComputeCapability
from bayplan.schemas.common import Body, Count, Label, Reference, Timestamp, Word, normalized_by, parsed_by, partial
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import DriverText
from bayplan.schemas.docker import GenerationKey
from bayplan.schemas.hardware import HardwareAnswer

Host = Annotated[str, Field(max_length=300, examples=["192.0.2.17"]), normalized_by(machine_address)]
CapabilityText = Annotated[Label, parsed_by(ComputeCapability.parse), Field(examples=["8.6"])]
RuntimeMode = Annotated[Literal["legacy", "csv", "cdi"], Field(description="Of the NVIDIA container runtime.")]


class NodeFacts(Body):
    """What the judge reads of a node, of the catalogue or not. Memory in bytes."""

    cpu_mem: Count | None = Field(default=None, examples=[270_582_939_648])
    driver_version: DriverText | None = None
    hardware_generation: GenerationKey = None
    gpu_mem: Count | None = Field(default=None, examples=[51_527_024_640])
    compute_capability: CapabilityText | None = None
    gpu_name: Label | None = Field(default=None, examples=["NVIDIA RTX A6000"])
    gpu_brand: Label | None = Field(default=None, examples=["NvidiaRTX"])
    architecture: Word | None = Field(default=None, examples=["amd64"])
    runtime_mode: RuntimeMode | None = None
    toolkit_version: Label | None = Field(default=None, examples=["1.17.8"])
    fabric_ready: bool | None = None


class NodeAddress(Body):
    """Which node of which machine it is."""

    ip: Host
    index: Annotated[int, Field(ge=0, le=65_535)] = 0


# The fields of the last base come first.
class NodeCreate(NodeFacts, NodeAddress):
    """A worker node. Memory in bytes. `hardware_generation` follows from `compute_capability` where only that is given."""


NodePatch = partial(NodeCreate, "NodePatch", "Any of the fields of a node.")


class _NodeFields(TypedDict):
    pk: int
    ip: str
    index: int
    cpu_mem: int | None
    driver_version: str | None
    gpu_mem: int | None
    last_seen: Timestamp | None
    compute_capability: str | None
    gpu_name: str | None
    gpu_brand: str | None
    architecture: str | None
    runtime_mode: str | None
    toolkit_version: str | None
    fabric_ready: bool | None


@answer()
class NodeAnswer(_NodeFields):
    """A worker node."""

    hardware_generation: Reference | None


@answer()
class ExpandedNodeAnswer(_NodeFields):
    """A worker node with its hardware generation in place of the pk."""

    hardware_generation: HardwareAnswer | None
