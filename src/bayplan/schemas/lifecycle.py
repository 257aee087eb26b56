"""The lifecycle of an image: whether it is deprecated, and what to use instead."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Key, Line, Reference
from bayplan.schemas.components import answer
from bayplan.schemas.facts import Date

Why = Annotated[Line, Field(min_length=1, max_length=500, examples=["CUDA 11 leaves the fleet"])]
Successor = Annotated[Key, Field(examples=["pytorch:2.7.1-cuda12.8", 12])]


class LifecyclePatch(Body):
    """A change of an image's lifecycle. If an image becomes deprecated without `since`, it is today.

    `successor` is the image to use instead: its key, or its name and version. `since`, `why` and `successor` are those of a
    deprecated image; `"deprecated": false` clears them.
    """

    deprecated: bool = False
    since: Date | None = Field(None, examples=["2026-11-01"])
    why: Why | None = None
    successor: Successor | None = None


@answer()
class LifecycleAnswer(TypedDict):
    """Whether an image is deprecated, since which day and why, and the image to use instead; null if nobody entered it."""

    deprecated: bool
    since: str | None
    why: str | None
    successor: Reference | None
