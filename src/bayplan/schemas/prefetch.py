"""Prefetching on the wire: which nodes are to hold which images before anybody asks for them, and what they do hold."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, StringConstraints, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import STRICT, Body, Line, Name, Pk, Reference, Timestamp, partial
from bayplan.schemas.components import answer
from bayplan.schemas.docker import ImageAnswer
from bayplan.schemas.filters import Specification
from bayplan.schemas.match import GradeName
from bayplan.schemas.users import UserAnswer

MOST_HOLDINGS = 2_000
# So that what they all take together is a number of 64 bits.
_MOST_BYTES = 2**50


def _as_sent(specification: Specification) -> dict[str, Any]:
    """Gives the filter as it was sent, in the specified names, without what was left out of its expressions."""
    return {
        "expressions": [one.model_dump(exclude_unset=True) for one in specification.expressions],
        "order_by": [one.model_dump(exclude_unset=True) for one in specification.order_by],
    }


Chosen = Annotated[Specification, PlainSerializer(_as_sent)]


class PrefetchCreate(Body):
    """A rule: the nodes that `nodes` lets through are to hold the images that `images` lets through, in that order."""

    name: Name
    nodes: Chosen = Specification()
    images: Chosen


PrefetchPatch = partial(PrefetchCreate, "PrefetchPatch", "Any of the fields of a prefetch rule.")


class _RuleFields(TypedDict):
    pk: int
    name: str
    nodes: dict[str, Any]
    images: dict[str, Any]
    creation_time: Timestamp


@answer("Prefetch")
class PrefetchRuleAnswer(_RuleFields):
    """A rule for prefetching."""

    creator: Reference


@answer("ExpandedPrefetch")
class ExpandedPrefetchRuleAnswer(_RuleFields):
    """A rule for prefetching with its creator in place of the pk."""

    creator: UserAnswer


Digest = Annotated[str, StringConstraints(pattern=r"^[a-z0-9+._-]{1,30}:[0-9a-fA-F]{32,128}$")]
State = Annotated[
    Literal["held", "pulling", "failed", "no_room", "removing"],
    Field(description="What the machine's engine has of the image, or why it has none."),
]


SizeBytes = Annotated[int, Field(ge=0, le=_MOST_BYTES)]
Detail = Annotated[Line, Field(max_length=2_000)]
_NULL_BY_DEFAULT = Field(json_schema_extra={"default": None})


@with_config(STRICT | ConfigDict(title="Holding"))
class InventoryEntry(TypedDict):
    """What a worker reports of one image. Size on its disk in bytes; `detail` is a sentence for people."""

    image: Pk
    state: State
    digest: NotRequired[Annotated[Digest | None, _NULL_BY_DEFAULT]]
    size_bytes: NotRequired[Annotated[SizeBytes | None, _NULL_BY_DEFAULT]]
    detail: NotRequired[Annotated[Detail | None, _NULL_BY_DEFAULT]]


def _each_once(images: list[InventoryEntry]) -> list[InventoryEntry]:
    if len({entry["image"] for entry in images}) < len(images):
        raise PydanticCustomError("repeated_image", "must name each image once")
    return images


class InventoryReport(Body, title="Holdings"):
    """All images that a worker holds; it takes the place of its last report."""

    images: Annotated[list[InventoryEntry], Field(max_length=MOST_HOLDINGS), AfterValidator(_each_once)]


@answer("Said")
class InventoryReceipt(TypedDict):
    """How many images of what a machine said are kept: those that the catalogue has."""

    images: int
    at: Timestamp


@answer("WantedImage")
class DesiredImageAnswer(TypedDict):
    """An image that a machine is to hold: as which digest, for which of its nodes, by which rules. Size in bytes, of the download."""

    image: ImageAnswer
    digest: str | None
    size_bytes: int | None
    nodes: list[int]
    rules: list[str]
    grade: GradeName


@answer("Wanted")
class DesiredImagesAnswer(TypedDict):
    """What a machine is to hold, in this order; and the images to `keep` if it has them, which cannot be pulled now."""

    images: list[DesiredImageAnswer]
    keep: list[int]


class _InventoryFields(TypedDict):
    state: State | None
    digest: str | None
    size_bytes: int | None
    detail: str | None
    at: Timestamp | None
    wanted: bool


@answer()
class ImageOfNode(_InventoryFields):
    """An image that a node's machine holds, or that the node is to have; `at` is when the machine first said so."""

    image: int
    name: str
    version: str


@answer("NodeHoldings")
class NodeInventory(TypedDict):
    """A node, and what there is of images for it."""

    node: int
    images: list[ImageOfNode]


@answer()
class NodeOfImage(_InventoryFields):
    """A node whose machine holds an image, or that is to have it."""

    node: int
    ip: str
    index: int
    worker: str


@answer("ImageHoldings")
class ImageInventory(TypedDict):
    """An image, and the workers' nodes that there is something of it for."""

    image: int
    nodes: list[NodeOfImage]


@answer("MachineHoldings")
class WorkerInventory(TypedDict):
    """A machine in numbers: images that it is to hold, those of them that it does, and what keeps it from the others."""

    worker: str
    ip: str
    nodes: list[int]
    wanted: int
    held: int
    pulling: int
    failed: int
    no_room: int
    unwanted: int
    held_bytes: int
    changed: Timestamp | None
