"""Requests and answers about inspections; registries-and-workers.md has the shape."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Timestamp
from bayplan.schemas.components import answer
from bayplan.schemas.docker import Password, Url, Username


class InspectionRequest(Body):
    """An image to inspect in its registry, with the credentials that it needs: both user name and password, or neither."""

    url: Url
    registry_username: Username | None = None
    registry_password: Password | None = None


@answer("ToldFact")
class InspectedFact(TypedDict):
    """A fact from an image, its source, and whether the image states it or it is derived."""

    value: Any
    source: str
    certainty: Literal["stated", "derived"]


@answer()
class AttachmentAnswer(TypedDict):
    """A document that is attached to an image: an SBOM with the number of packages that it lists, provenance, or what is wrong with it."""

    kind: Annotated[str, Field(examples=["SBOM (SPDX)"])]
    digest: str
    packages: int | None
    problem: str | None


@answer("ToldPlatform")
class InspectedPlatform(TypedDict):
    """The image for one platform; its size is the download of a worker that has none of its layers.

    `os` and `architecture` are null where neither an index nor the image's configuration names them. `attached` is
    there where documents are attached to the image.
    """

    os: str | None
    architecture: str | None
    variant: str | None
    digest: str
    size_bytes: int
    created: str | None
    facts: dict[str, InspectedFact]
    attached: NotRequired[list[AttachmentAnswer]]


@answer()
class Contradiction(TypedDict):
    """A field, or a fact that staff entered, that differs from what the image says."""

    field: str
    catalogue: Any
    registry: Any
    source: str


@answer()
class InspectionAnswer(TypedDict):
    """The image that a registry has under a reference, and its facts."""

    reference: Annotated[str, Field(examples=["registry.example.org:5000/ml/pytorch:2.4-cuda12.4"])]
    digest: str
    media_type: str
    checked: Timestamp
    platforms: list[InspectedPlatform]
    contradictions: list[Contradiction]
