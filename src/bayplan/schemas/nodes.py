"""Requests and answers about nodes: a node is a GPU of a machine, or a machine without one."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.domain.labels import MOST_LABELS, label_key, label_value, labels
from bayplan.domain.machine_address import host_name, machine_address
from bayplan.domain.versions import ComputeCapability
from bayplan.errors import Invalid
from bayplan.schemas.common import Body, Count, Label, Reference, Timestamp, Word, normalized_by, parsed_by, partial
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import DriverText
from bayplan.schemas.docker import GenerationKey
from bayplan.schemas.facts import Accelerator, Cuda, Target, matching
from bayplan.schemas.hardware import HardwareAnswer

Host = Annotated[str, Field(max_length=300, examples=["192.0.2.17"]), normalized_by(machine_address)]
HostName = Annotated[str, Field(max_length=300, examples=["gpu07.example.org"]), normalized_by(host_name)]
CapabilityText = Annotated[Label, parsed_by(ComputeCapability.parse), Field(examples=["8.6"])]
RuntimeMode = Annotated[
    Literal["legacy", "csv", "cdi", "jit-cdi", "auto"], Field(description="The mode of the NVIDIA container runtime.")
]
CudaOfDriver = Annotated[Cuda, Field(examples=["12.8"])]
L4tVersion = Annotated[
    str, matching(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}", "must be a release of Jetson Linux such as '36.4.3'")
]
MigProfile = Annotated[
    str,
    matching(
        r"(?:[0-9]{1,2}c\.)?[0-9]{1,2}g\.[0-9]{1,4}gb(?:[+-][a-z0-9.,+-]{1,40})?",
        "must be a MIG profile such as '1g.10gb' or '1g.10gb+me'",
    ),
]


def _checked_labels(values: dict[str, str] | None) -> dict[str, str] | None:
    """The labels in the order of their keys, None where there are none."""
    try:
        return labels(values or {}) or None
    except Invalid as error:
        raise _wrong_label(error) from None


def _checked_changes(values: dict[str, str | None] | None) -> dict[str, str | None] | None:
    try:
        for key, value in (values or {}).items():
            label_value(label_key(key), value or "")
    except Invalid as error:
        raise _wrong_label(error) from None
    return values


def _wrong_label(error: Invalid) -> PydanticCustomError:
    return PydanticCustomError(error.code, "{reason}", {"reason": error.detail})


Labels = Annotated[
    dict[str, str] | None,
    AfterValidator(_checked_labels),
    Field(
        examples=[{"zone": "a", "gpu.tier": "large"}],
        description=f"At most {MOST_LABELS} labels, with keys and values as in Kubernetes. Null is no labels.",
    ),
]
LabelChanges = Annotated[
    Annotated[dict[str, str | None], Field(max_length=2 * MOST_LABELS)] | None,
    AfterValidator(_checked_changes),
    Field(
        examples=[{"zone": "b", "gpu.tier": None}],
        description="Labels that are set, or removed by null; the others stay. Null in place of the object removes all.",
    ),
]


class NodeFacts(Body):
    """The facts of a node that the rules read, whether the node is in the catalogue or not. Memory in bytes."""

    cpu_mem: Count | None = Field(default=None, examples=[270_582_939_648])
    driver_version: DriverText | None = None
    hardware_generation: GenerationKey = None
    gpu_mem: Count | None = Field(default=None, examples=[51_527_024_640])
    compute_capability: CapabilityText | None = None
    gpu_name: Label | None = Field(default=None, examples=["NVIDIA RTX A6000"])
    gpu_brand: Label | None = Field(default=None, examples=["NvidiaRTX"])
    architecture: Word | None = Field(default=None, examples=["amd64"])
    accelerator: Accelerator | None = Field(default=None, examples=["cuda"])
    target: Target | None = Field(default=None, examples=["gfx942"])
    driver_cuda_version: CudaOfDriver | None = None
    runtime_mode: RuntimeMode | None = None
    toolkit_version: Label | None = Field(default=None, examples=["1.17.8"])
    cdi_driver_version: DriverText | None = None
    fabric_ready: bool | None = None
    l4t_version: L4tVersion | None = Field(default=None, examples=["36.4.3"])
    wsl: bool | None = None
    mig_profile: MigProfile | None = Field(default=None, examples=["1g.10gb"])
    vgpu_licensed: bool | None = None
    kernel_version: Label | None = Field(default=None, examples=["6.8.0-45-generic"])
    shared_memory_bytes: Count | None = None


class NodeAddress(Body):
    """Which node of which machine it is."""

    ip: Host
    index: Annotated[int, Field(ge=0, le=65_535)] = 0


# The fields of the last base come first.
class NodeFields(NodeFacts, NodeAddress):
    """What is the same in every request that writes a node: all but the labels."""

    hostname: HostName | None = Field(default=None, description="The machine's own name; its worker reports it.")


class NodeCreate(NodeFields):
    """A node. Memory in bytes. `hardware_generation` follows from `compute_capability` if only that is set."""

    labels: Labels = None


class NodeChanges(NodeFields):
    """Any of the fields of a node."""

    labels: LabelChanges = None


NodePatch = partial(
    NodeChanges, "NodePatch", "Any of the fields of a node. `labels` has those that are set or removed."
)


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
    accelerator: str | None
    target: str | None
    driver_cuda_version: str | None
    cdi_driver_version: str | None
    l4t_version: str | None
    wsl: bool | None
    mig_profile: str | None
    vgpu_licensed: bool | None
    kernel_version: str | None
    shared_memory_bytes: int | None
    hostname: str | None
    labels: dict[str, str]


@answer()
class NodeAnswer(_NodeFields):
    """A node."""

    hardware_generation: Reference | None


@answer()
class ExpandedNodeAnswer(_NodeFields):
    """A node with its hardware generation in place of the pk."""

    hardware_generation: HardwareAnswer | None
