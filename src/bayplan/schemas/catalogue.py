"""A whole catalogue as one document: what `bayplan apply` sends and `bayplan export` writes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bayplan.schemas.common import Answer, Body
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.facts import FactsPatch
from bayplan.schemas.frameworks import FrameworkCreate
from bayplan.schemas.nodes import NodeCreate

MOST_ENTRIES = 100_000


class DocumentedImage(ImageCreate):
    """An image, with facts about it where there are any to enter."""

    facts: FactsPatch | None = None


class Document(Body):
    """Frameworks, images and nodes in their create bodies, with natural keys. A section that is not there is left alone."""

    most_members: ClassVar[int] = 50 * MOST_ENTRIES

    frameworks: Annotated[list[FrameworkCreate], Field(max_length=MOST_ENTRIES)] | None = None
    images: Annotated[list[DocumentedImage], Field(max_length=MOST_ENTRIES)] | None = None
    nodes: Annotated[list[NodeCreate], Field(max_length=MOST_ENTRIES)] | None = None


class Change(Answer):
    """One object that was or would be added, changed or removed; `fields` has each change as `from` and `to`."""

    action: Literal["add", "change", "remove"]
    resource: Literal["frameworks", "images", "nodes"]
    key: str
    pk: int | None
    fields: dict[str, dict[str, Any]]


class Plan(Answer):
    """What applying a document changes. `version` is the catalogue's: send it as `If-Match` to apply just that."""

    changes: list[Change]
    unchanged: int
    applied: bool
    version: str
