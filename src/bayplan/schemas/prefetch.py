"""Requests and answers about prefetching: its rules, the desired images of workers, and their inventories."""

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
# The sum over all images fits into 64 bits.
_MOST_BYTES = 2**50


def _as_sent(specification: Specification) -> dict[str, Any]:
    """Gives the filter as it was sent, by the specification's names, without defaults in its expressions."""
    return {
        "expressions": [expression.model_dump(exclude_unset=True) for expression in specification.expressions],
        "order_by": [order.model_dump(exclude_unset=True) for order in specification.order_by],
    }


StoredFilter = Annotated[Specification, PlainSerializer(_as_sent)]


class PrefetchCreate(Body):
    """A rule: the images that match the filter `images` are desired on the nodes that match `nodes`, in the order of `images`."""

    name: Name
    nodes: StoredFilter = Specification()
    images: StoredFilter


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
InventoryState = Annotated[
    Literal["held", "pulling", "failed", "no_room", "removing"],
    Field(
        description="`held` if the worker's engine has the image; else what the worker does, or why it lacks the image."
    ),
]


SizeBytes = Annotated[int, Field(ge=0, le=_MOST_BYTES)]
Detail = Annotated[Line, Field(max_length=2_000)]
_NULL_BY_DEFAULT = Field(json_schema_extra={"default": None})


@with_config(STRICT | ConfigDict(title="Holding"))
class InventoryEntry(TypedDict):
    """The state of one image on a worker. Size on the worker's disk in bytes; `detail` is a sentence for people."""

    image: Pk
    state: InventoryState
    digest: NotRequired[Annotated[Digest | None, _NULL_BY_DEFAULT]]
    size_bytes: NotRequired[Annotated[SizeBytes | None, _NULL_BY_DEFAULT]]
    detail: NotRequired[Annotated[Detail | None, _NULL_BY_DEFAULT]]


def _each_once(images: list[InventoryEntry]) -> list[InventoryEntry]:
    if len({entry["image"] for entry in images}) < len(images):
        raise PydanticCustomError("repeated_image", "must name each image once")
    return images


class InventoryReport(Body, title="Holdings"):
    """The image inventory of a worker. It replaces the worker's last report."""

    images: Annotated[list[InventoryEntry], Field(max_length=MOST_HOLDINGS), AfterValidator(_each_once)]


@answer("Said")
class InventoryReceipt(TypedDict):
    """The number of images of the report that the catalogue has; only these are stored."""

    images: int
    at: Timestamp


@answer("WantedImage")
class DesiredImageAnswer(TypedDict):
    """A desired image of a worker: its digest, the nodes that it is for, and the rules that name it. Size of the download in bytes."""

    image: ImageAnswer
    digest: str | None
    size_bytes: int | None
    nodes: list[int]
    rules: list[str]
    grade: GradeName


@answer("Wanted")
class DesiredImagesAnswer(TypedDict):
    """The desired images of a worker, in this order. Images in `keep` cannot be pulled now; a worker that has them keeps them."""

    images: list[DesiredImageAnswer]
    keep: list[int]


class _InventoryFields(TypedDict):
    state: InventoryState | None
    digest: str | None
    size_bytes: int | None
    detail: str | None
    at: Timestamp | None
    wanted: bool


@answer()
class ImageOfNode(_InventoryFields):
    """An image in the inventory of a node's worker, or desired on the node. `at` is when the worker first reported this state."""

    image: int
    name: str
    version: str


@answer("NodeHoldings")
class NodeInventory(TypedDict):
    """A node, with its image inventory and its desired images."""

    node: int
    images: list[ImageOfNode]


@answer()
class NodeOfImage(_InventoryFields):
    """A node whose worker has the image in its inventory, or on which the image is desired."""

    node: int
    ip: str
    index: int
    worker: str


@answer("ImageHoldings")
class ImageInventory(TypedDict):
    """An image, with the nodes that have it in their inventory, or on which it is desired."""

    image: int
    nodes: list[NodeOfImage]


@answer("MachineHoldings")
class WorkerInventory(TypedDict):
    """The numbers of a worker's images: desired ones (`wanted`), those of them that it has (`held`), and the states of the others."""

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
