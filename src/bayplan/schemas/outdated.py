"""Answers about images that are out of date, and about what it would strand to retire images."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Pk
from bayplan.schemas.components import answer
from bayplan.schemas.what_if import NodePartners

OutdatedCodeName = Literal[
    "end_of_life", "end_of_life_soon", "deprecated", "superseded", "runs_nowhere", "in_no_inventory"
]


@answer()
class OutdatedReasonAnswer(TypedDict):
    """A reason: its code, and what it says in a sentence.

    `since` is the day since which it holds, and `until` the last day of an image with an end of life; null where not known.
    """

    code: OutdatedCodeName
    detail: str
    since: str | None
    until: str | None


@answer("NamedImage")
class NamedImageAnswer(TypedDict):
    """An image by its key, its name and its version."""

    image: int
    name: str
    version: str


@answer("OutdatedImage")
class OutdatedImageAnswer(TypedDict):
    """An image that is out of date, with the reasons that weigh most first.

    `since` is the first day since which one of them holds. `use` is its successor, else the newest version of its name that
    is for all its tasks and runs on all nodes on which it runs. `nodes` is the number of these nodes, null where there are no nodes.
    """

    image: int
    name: str
    version: str
    since: str | None
    reasons: list[OutdatedReasonAnswer]
    use: NamedImageAnswer | None
    nodes: int | None


@answer()
class OutdatedCounts(TypedDict):
    """How many images have each reason."""

    end_of_life: int
    end_of_life_soon: int
    deprecated: int
    superseded: int
    runs_nowhere: int
    in_no_inventory: int


@answer("OutdatedImages")
class OutdatedImagesAnswer(TypedDict):
    """The images that are out of date, by name and version.

    `considered` is the number of images that are not deleted. Without `inventories` no worker has reported one, and without `nodes`
    there are none: the reasons that need them are not known then. `counts` has the images of every reason.
    """

    version: int
    considered: int
    inventories: bool
    nodes: int
    counts: OutdatedCounts
    images: list[OutdatedImageAnswer]


class RetirementRequest(Body):
    """The images that may be retired, by key."""

    images: Annotated[list[Pk], Field(min_length=1, max_length=1_000)]


@answer("RuleOfRetirement")
class RuleOfRetirementAnswer(TypedDict):
    """A prefetch rule that chooses some of the images; `left` is how many other images it chooses."""

    rule: str
    images: list[int]
    left: int


@answer("InventoryOfRetirement")
class InventoryOfRetirementAnswer(TypedDict):
    """The number of workers that have one of the images."""

    image: int
    workers: int


@answer("SuccessorOfRetirement")
class SuccessorOfRetirementAnswer(TypedDict):
    """A deprecated image that names one of the images as its successor."""

    image: int
    name: str
    version: str
    successor: int


@answer("Retirement")
class RetirementAnswer(TypedDict):
    """What it would strand to delete the images: nodes that lose their last image for a task, and what uses the images."""

    version: int
    images: list[NamedImageAnswer]
    nodes: list[NodePartners]
    rules: list[RuleOfRetirementAnswer]
    inventories: list[InventoryOfRetirementAnswer]
    successors: list[SuccessorOfRetirementAnswer]
