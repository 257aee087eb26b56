"""Requests and answers of what-if: changes of a catalogue and a fleet that are not made, and what they would lead to."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, partial
from bayplan.schemas.components import answer
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.filters import Filter
from bayplan.schemas.match import GradeName, ReasonAnswer, WorkerFacts

ACTIONS = ("set", "add", "remove_nodes", "retire", "add_image")
WhatIfImage = partial(
    ImageCreate, "WhatIfImage", "An image to add, by the fields that say what it needs and what it is for."
)


class AddedNodes(Body):
    """A number of equal nodes."""

    worker: WorkerFacts
    count: Annotated[int, Field(ge=1, le=10_000)] = 1


class WhatIfChange(Body):
    """One of: `set` facts (of `nodes`, else of all), `add` nodes, `remove_nodes`, `retire` images, or `add_image`."""

    nodes: Filter | None = None
    set: WorkerFacts | None = None
    add: AddedNodes | None = None
    remove_nodes: Filter | None = None
    retire: Filter | None = None
    add_image: WhatIfImage | None = None  # type: ignore[valid-type]  # a model that is made when the module is loaded

    @model_validator(mode="after")
    def _has_one_action(self) -> "WhatIfChange":
        actions = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(actions) != 1:
            raise PydanticCustomError("one_action", f"must have exactly one of {', '.join(ACTIONS)}")
        if self.nodes is not None and self.set is None:
            raise PydanticCustomError("one_action", "has 'nodes', which goes with 'set' alone")
        return self


class WhatIfRequest(Body):
    """The changes, which apply in order. Filters choose by what the catalogue has now."""

    changes: Annotated[list[WhatIfChange], Field(min_length=1, max_length=100)]


@answer()
class GradeCounts(TypedDict):
    """How many pairs of an image and a node have each grade."""

    native: int
    minor: int
    forward: int
    cpu: int
    jit: int
    unknown: int
    no: int


@answer()
class WhatIfSide(TypedDict):
    """The catalogue and the fleet before or after the changes."""

    images: int
    nodes: int
    grades: GradeCounts


@answer()
class ImagePartners(TypedDict):
    """Images that need the same and gain their first node or lose their last (`nodes`: how many), with the verdict after, on `node`."""

    images: list[int]
    nodes: int
    node: int | None
    grade: GradeName | None
    reasons: list[ReasonAnswer]


@answer()
class NodePartners(TypedDict):
    """Nodes that gain their first image for a task or lose their last: `image`, with the verdict on it after."""

    task: str
    nodes: list[int]
    image: int
    grade: GradeName | None
    reasons: list[ReasonAnswer]


@answer()
class ImagesGainedAndLost(TypedDict):
    """The images that run on some node only after the changes, or only before."""

    gained: list[ImagePartners]
    lost: list[ImagePartners]


@answer()
class NodesGainedAndLost(TypedDict):
    """The nodes that run some image for a task only after the changes, or only before."""

    gained: list[NodePartners]
    lost: list[NodePartners]


@answer()
class WhatIfAnswer(TypedDict):
    """What the changes would lead to. New nodes and images have the keys -1, -2, ... in the order of the changes."""

    version: int
    before: WhatIfSide
    after: WhatIfSide
    images: ImagesGainedAndLost
    nodes: NodesGainedAndLost
