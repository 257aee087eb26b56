"""Requests and answers about frameworks, each with a name and a version."""

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Name, partial
from bayplan.schemas.components import answer


class FrameworkCreate(Body):
    """A framework, in one version."""

    name: Name = Field(examples=["PyTorch"])
    version: Name = Field(examples=["2.4"])


FrameworkPatch = partial(FrameworkCreate, "FrameworkPatch", "Any of the fields of a framework.")


@answer()
class FrameworkAnswer(TypedDict):
    """A framework, in one version."""

    pk: int
    name: str
    version: str
