"""Requests and answers of the matrix: every group of images on every kind of nodes."""

from typing import Any

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body
from bayplan.schemas.components import answer
from bayplan.schemas.filters import Filter
from bayplan.schemas.match import GradeName


class MatrixRequest(Body):
    """Which images, and which nodes; without a filter all of them."""

    filter: Filter | None = Field(default=None, description="Which images, as in `POST /v1/docker/list`.")
    nodes: Filter | None = Field(default=None, description="Which nodes, as in `POST /v1/nodes/list`.")


@answer("MatrixKind")
class KindOfNodesAnswer(TypedDict):
    """Nodes that offer the same, by pk. `worker` has the facts that a rule reads; `kind` is a hash of them."""

    kind: str
    worker: dict[str, Any]
    nodes: list[int]


@answer("MatrixGroup")
class ImageGroupAnswer(TypedDict):
    """Images that need the same, by pk. `group` is a hash of what they need."""

    group: str
    images: list[int]


@answer("MatrixVerdict")
class CellAnswer(TypedDict):
    """The grade of a group on a kind, and the code of each reason, the worst first."""

    group: str
    kind: str
    grade: GradeName
    codes: list[str]


@answer()
class MatrixAnswer(TypedDict):
    """Every group on every kind, as of that version of the catalogue."""

    version: int
    kinds: list[KindOfNodesAnswer]
    groups: list[ImageGroupAnswer]
    verdicts: list[CellAnswer]
