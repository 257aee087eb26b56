"""Domains on the wire: what kind of problem an image solves."""

from pydantic import Field

from bayplan.schemas.common import Answer, Body, Line, Word, partial


class DomainCreate(Body):
    """A domain."""

    name: Word = Field(examples=["od"])
    description: Line = Field(default="", examples=["Object Detection"])


DomainPatch = partial(DomainCreate, "DomainPatch", "Any of the fields of a domain.")


class Domain(Answer):
    """A domain."""

    pk: int
    name: str
    description: str
