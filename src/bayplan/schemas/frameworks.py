"""Frameworks on the wire: a name and a version."""

from pydantic import Field

from bayplan.schemas.common import Answer, Body, Name, partial


class FrameworkCreate(Body):
    """A framework, in one version."""

    name: Name = Field(examples=["PyTorch"])
    version: Name = Field(examples=["2.4"])


FrameworkPatch = partial(FrameworkCreate, "FrameworkPatch", "Any of the fields of a framework.")


class Framework(Answer):
    """A framework, in one version."""

    pk: int
    name: str
    version: str
