"""Requests and answers about domains, the kinds of problem that an image solves."""

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Line, Word, partial
from bayplan.schemas.components import answer


class DomainCreate(Body):
    """A domain."""

    name: Word = Field(examples=["od"])
    description: Line = Field(default="", examples=["Object Detection"])


DomainPatch = partial(DomainCreate, "DomainPatch", "Any of the fields of a domain.")


@answer()
class DomainAnswer(TypedDict):
    """A domain."""

    pk: int
    name: str
    description: str
