"""What the API answers, as types: dictionaries exactly as they come over the wire, so nothing is converted or lost.

Timestamps are RFC 3339 texts in UTC, sizes are bytes, references are primary keys (objects where they were expanded).
"""

from typing import Any, Literal, NotRequired, TypedDict

Grade = Literal["native", "minor", "forward", "cpu", "jit", "unknown", "no", "caveat"]


class Cuda(TypedDict):
    """A CUDA release: `version` "12.4", `full_version` "12.4.1", `min_driver_version` "550.54.15"."""

    pk: int
    version: str
    full_version: str
    min_driver_version: str | None


class Hardware(TypedDict):
    """A generation of GPUs: compute capabilities from the minimum (inclusive) to the maximum (exclusive)."""

    pk: int
    generation: str
    min_compute_capability: float
    max_compute_capability: float


class Framework(TypedDict):
    """A release of a framework: "PyTorch", "2.4"."""

    pk: int
    name: str
    version: str


class Domain(TypedDict):
    """A kind of problem: "od", "Object Detection"."""

    pk: int
    name: str
    description: str


class Licence(TypedDict):
    """A licence, and what it permits, limits and asks, as words (`commercial-use`)."""

    pk: int
    name: str
    url: str
    domains: list[str]
    permissions: list[str]
    limitations: list[str]
    conditions: list[str]


class User(TypedDict):
    """Somebody, or something, that may log in."""

    pk: int
    username: str
    first_name: str
    last_name: str
    email: str
    is_active: bool
    is_staff: bool
    date_joined: str
    last_login: str | None


class _ImageFields(TypedDict):
    pk: int
    name: str
    version: str
    url: str
    registry: str
    registry_username: str | None
    registry_password: str | None
    cpu: bool
    domain: str
    tasks: list[str]
    creation_time: str
    deletion_time: str | None


class Image(_ImageFields):
    """A docker image of the catalogue."""

    cuda_version: int | None
    min_hardware_generation: int | None
    framework: int
    licence: int
    creator: int


class ExpandedImage(_ImageFields):
    """A docker image with the objects that it refers to in place of their keys."""

    cuda_version: Cuda | None
    min_hardware_generation: Hardware | None
    framework: Framework
    licence: Licence
    creator: User


class Worker(TypedDict):
    """What the rules look at in a worker; without `driver_version` it is a worker without GPU."""

    driver_version: NotRequired[str | None]
    compute_capability: NotRequired[str | None]
    gpu_name: NotRequired[str | None]
    gpu_brand: NotRequired[str | None]
    gpu_mem: NotRequired[int | None]
    cpu_mem: NotRequired[int | None]
    architecture: NotRequired[str | None]
    runtime_mode: NotRequired[str | None]
    toolkit_version: NotRequired[str | None]
    fabric_ready: NotRequired[bool | None]


class _NodeFields(TypedDict):
    pk: int
    ip: str
    index: int
    cpu_mem: int | None
    gpu_mem: int | None
    driver_version: str | None
    last_seen: str | None
    compute_capability: str | None
    gpu_name: str | None
    gpu_brand: str | None
    architecture: str | None
    runtime_mode: str | None
    toolkit_version: str | None
    fabric_ready: bool | None


class Node(_NodeFields):
    """One slot that runs containers: one GPU of one machine, or a machine without a GPU."""

    hardware_generation: int | None


class ExpandedNode(_NodeFields):
    """A node with its hardware generation in place of the key."""

    hardware_generation: Hardware | None


class Reason(TypedDict):
    """One thing that a rule found: what was needed, what was there, and the smallest change that would mend it."""

    code: str
    grade: Grade
    needed: str | None
    found: str | None
    detail: str
    remedy: str | None
    source: str | None


class JudgedImage(TypedDict):
    """An image with its verdict on the worker in question."""

    image: Image
    grade: Grade
    reasons: list[Reason]


class JudgedNode(TypedDict):
    """A node with the verdict on it of the image in question."""

    node: Node
    grade: Grade
    reasons: list[Reason]


class SummaryLine(TypedDict):
    """What stood in the way of how many images, and the single change that would give the first match."""

    code: str
    images: int
    remedy: str | None


class MatchAnswer(TypedDict):
    """Which images run on a worker, best first; `rejected` only where it was asked for."""

    worker: dict[str, Any]
    considered: int
    matches: list[JudgedImage]
    rejected: NotRequired[list[JudgedImage]]
    summary: list[SummaryLine]


class ImageVerdicts(TypedDict):
    """One image over all nodes."""

    image: Image
    nodes: list[JudgedNode]


class NodeVerdicts(TypedDict):
    """One node over all images."""

    node: Node
    images: list[JudgedImage]


class Fact(TypedDict):
    """What is known of an image beyond its fields, and where it came from."""

    value: Any
    origin: Literal["staff", "registry", "table"] | None


class Change(TypedDict):
    """One thing that applying a catalogue file adds, changes or removes."""

    action: Literal["add", "change", "remove"]
    resource: Literal["frameworks", "images", "nodes"]
    key: str
    pk: int | None
    fields: dict[str, dict[str, Any]]


class Plan(TypedDict):
    """What applying a catalogue file would do (a dry run) or did; `version` is the catalogue's."""

    changes: list[Change]
    unchanged: int
    applied: bool
    version: str


class Catalogue(TypedDict, total=False):
    """The content of a catalogue file: create bodies with natural keys. A section that is not there is left alone."""

    frameworks: list[dict[str, Any]]
    images: list[dict[str, Any]]
    nodes: list[dict[str, Any]]


class JoinToken(TypedDict):
    """A new join token, which is shown only once."""

    pk: int
    token: str
    expires: str


class Joined(TypedDict):
    """What a machine gets that joins: its name, its secret (None where it has that already) and its nodes by index."""

    worker: str
    secret: str | None
    nodes: list[Node]


class JoinedWorker(TypedDict):
    """A machine that has joined, with the keys of its nodes."""

    worker: str
    ip: str
    joined: str
    nodes: list[int]
