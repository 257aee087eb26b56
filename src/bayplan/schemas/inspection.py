"""What registries say of images, on the wire; registries-and-workers.md has the shape."""

from typing import Any, Literal

from pydantic import Field

from bayplan.schemas.common import Answer, Body, Timestamp
from bayplan.schemas.docker import Password, Url, Username


class InspectionRequest(Body):
    """An image to look at in its registry, with the log-in that it needs: both user name and password, or neither."""

    url: Url
    registry_username: Username | None = None
    registry_password: Password | None = None


class ToldFact(Answer):
    """What an image says, where it says so, and whether in so many words (`stated`) or worked out (`derived`)."""

    value: Any
    source: str
    certainty: Literal["stated", "derived"]


class ToldPlatform(Answer):
    """The image for one platform; its size is what a worker downloads that has none of it."""

    os: str
    architecture: str
    variant: str | None
    digest: str
    size_bytes: int
    created: str | None
    facts: dict[str, ToldFact]


class Contradiction(Answer):
    """A field, or a fact that staff entered, that says something else than the image does."""

    field: str
    catalogue: Any
    registry: Any
    source: str


class Inspection(Answer):
    """What a registry holds under a reference, and what that says about itself."""

    reference: str = Field(examples=["registry.example.org:5000/ml/pytorch:2.4-cuda12.4"])
    digest: str
    media_type: str
    checked: Timestamp
    platforms: list[ToldPlatform]
    contradictions: list[Contradiction]
