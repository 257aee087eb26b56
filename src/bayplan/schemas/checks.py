"""How images stand with their registries, on the wire."""

from typing import Any, Literal

from pydantic import Field

from bayplan.schemas.common import Answer, Body, Timestamp

State = Literal["ok", "moved", "missing", "denied", "unreachable"]


class ChecksRequest(Body):
    """Which images to look at: all, or those that are not known to be ok."""

    which: Literal["all", "not_ok"]


class Asked(Answer):
    """From when on looks count as asked for by this, and at how many images."""

    asked: Timestamp
    images: int


class ChangedField(Answer):
    """Something that the image which was found says otherwise than the one that the catalogue stands by."""

    field: str = Field(examples=["cuda_version"])
    old: Any
    new: Any


class Finding(Answer):
    """How an image was found: `code` and `detail` say what stood in the way, and of a tag that moved where it points."""

    state: State | None
    digest: str | None
    found: str | None
    code: str | None
    detail: str | None


class CheckChange(Finding):
    """When the state of an image, or one of its digests, became another one."""

    at: Timestamp
    changes: list[ChangedField] | None


class ImageChecks(Finding):
    """How an image stands with its registry: null until the first look. `due` is the next one, null where none is planned."""

    image: int
    since: Timestamp | None
    checked: Timestamp | None
    due: Timestamp | None
    history: list[CheckChange]


class Trouble(Finding):
    """An image that is not ok."""

    image: int
    name: str
    version: str
    since: Timestamp | None
    checked: Timestamp | None
    due: Timestamp | None


class CheckCounts(Answer):
    """How many images stand how, how many of them were looked at since a time, and how many still wait that somebody asked for.

    `waiting_in` names the registries where most of those are.
    """

    states: dict[str, int] = Field(examples=[{"ok": 61, "missing": 1, "unchecked": 0}])
    checked: int
    waiting: int
    waiting_in: list[str] = Field(examples=[["registry.example.org"]])
    images: int
