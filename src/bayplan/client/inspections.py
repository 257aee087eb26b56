"""What the API answers about an image in its registry, as types; `bayplan.client.answers` has all others."""

from typing import Any, Literal, TypedDict


class ToldFact(TypedDict):
    """What an image says, where it says so ("env CUDA_VERSION"), and whether in so many words or worked out."""

    value: Any
    source: str
    certainty: Literal["stated", "derived"]


class ToldPlatform(TypedDict):
    """An image for one platform, and what it says about itself; what it does not say is not there."""

    os: str
    architecture: str
    variant: str | None
    digest: str
    size_bytes: int
    created: str | None
    facts: dict[str, ToldFact]


class Contradiction(TypedDict):
    """A field, or a fact that staff entered, that says something else than the image does."""

    field: str
    catalogue: Any
    registry: Any
    source: str


class Inspection(TypedDict):
    """What a registry holds under a reference, when that was looked at, and where the catalogue has it otherwise."""

    reference: str
    digest: str
    media_type: str
    checked: str
    platforms: list[ToldPlatform]
    contradictions: list[Contradiction]
