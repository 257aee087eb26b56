"""Requests and answers of the judge: which image runs on which node."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Name, Pk
from bayplan.schemas.components import answer
from bayplan.schemas.docker import ImageAnswer
from bayplan.schemas.filters import Filter
from bayplan.schemas.nodes import NodeAnswer, NodeFacts

GradeName = Literal["native", "minor", "forward", "cpu", "jit", "unknown", "no"]


class WorkerFacts(NodeFacts):
    """A node that is not in the catalogue. Without driver, GPU name, capability and target it has no GPU. Memory in bytes."""


class MatchRequest(Body, title="Question"):
    """A `node`, a `worker` described here, or both: then the fields of `worker` replace facts of the node. All else is optional."""

    node: Pk | None = None
    worker: WorkerFacts | None = None
    task: Name | None = None
    domain: Name | None = None
    framework: Name | None = Field(
        default=None,
        examples=["pytorch>=2.1,<3"],
        description="A name (`pytorch`, `torch`), a release with its patches (`PyTorch 2.4`), or versions as pip writes them.",
    )
    filter: Filter | None = None
    grades: Annotated[list[GradeName], Field(min_length=1, max_length=7)] | None = None
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    limit_per_framework: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="The most matches of each framework, whatever its version."
    )
    explain: bool = False


class FitRequest(Body):
    """The nodes (all without `nodes`), and in `worker` the facts that replace theirs."""

    worker: WorkerFacts | None = None
    nodes: Annotated[list[Pk], Field(min_length=1, max_length=10_000)] | None = None


@answer()
class ReasonAnswer(TypedDict):
    """A reason against an image on a node, or a caveat (`grade` is then `caveat`)."""

    grade: str
    code: str
    needed: str | None
    found: str | None
    detail: str
    remedy: str | None
    source: str


@answer()
class GradedImage(TypedDict):
    """An image with its grade on the node, and every reason."""

    image: ImageAnswer
    grade: GradeName
    reasons: list[ReasonAnswer]


@answer()
class GradedNode(TypedDict):
    """A node with the grade of the image on it, and every reason."""

    node: NodeAnswer
    grade: GradeName
    reasons: list[ReasonAnswer]


@answer()
class SummaryLineAnswer(TypedDict):
    """How many images a reason ruled out, and which single change would give the first match."""

    code: str
    images: int
    remedy: str | None


@answer("MatchAnswer")
class MatchAnswer(TypedDict):
    """The images that run on the node, best first; `rejected` is there only with `explain`."""

    worker: dict[str, Any]
    considered: int
    matches: list[GradedImage]
    rejected: NotRequired[Annotated[list[GradedImage], Field(json_schema_extra={"default": []})]]
    summary: list[SummaryLineAnswer]


@answer()
class ImageOnNodes(TypedDict):
    """The verdict on an image for every node."""

    image: ImageAnswer
    nodes: list[GradedNode]


@answer()
class NodeOfKind(TypedDict):
    """A node of a kind: its key and its names."""

    pk: int
    ip: str
    index: int
    hostname: str | None


@answer()
class GradedKind(TypedDict):
    """Nodes of one kind with the grade of the image on them, and every reason. `worker` has the facts of the first."""

    grade: GradeName
    reasons: list[ReasonAnswer]
    worker: dict[str, Any]
    nodes: list[NodeOfKind]


@answer("FitAnswer")
class FitAnswer(TypedDict):
    """The verdict on an image for all nodes by kind, best first. `considered` is the number of nodes."""

    image: ImageAnswer
    considered: int
    kinds: list[GradedKind]


@answer()
class NodeForImages(TypedDict):
    """The verdict on every image for a node."""

    node: NodeAnswer
    images: list[GradedImage]
