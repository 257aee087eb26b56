"""How images stand with their registries, on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Timestamp
from bayplan.schemas.components import answer

State = Literal["ok", "moved", "missing", "denied", "unreachable"]


class ChecksRequest(Body):
    """Which images to check: all, or those that are not known to be ok."""

    which: Literal["all", "not_ok"]


@answer("Asked")
class RequestedChecks(TypedDict):
    """From when on looks count as asked for by this, and at how many images."""

    asked: Timestamp
    images: int


@answer()
class ChangedField(TypedDict):
    """A field in which the image in the registry differs from the one in the catalogue."""

    field: Annotated[str, Field(examples=["cuda_version"])]
    old: Any
    new: Any


class CheckFields(TypedDict):
    """The result of a check: `code` and `detail` say what went wrong, or where a tag points that moved."""

    state: State | None
    digest: str | None
    found: str | None
    code: str | None
    detail: str | None


@answer()
class CheckChange(CheckFields):
    """When the state of an image, or one of its digests, became another one."""

    at: Timestamp
    changes: list[ChangedField] | None


@answer()
class ImageChecks(CheckFields):
    """How an image stands with its registry: null until the first look. `due` is the next one, null where none is planned."""

    image: int
    since: Timestamp | None
    checked: Timestamp | None
    due: Timestamp | None
    history: list[CheckChange]


@answer("Trouble")
class FailingImage(CheckFields):
    """An image that is not ok."""

    image: int
    name: str
    version: str
    since: Timestamp | None
    checked: Timestamp | None
    due: Timestamp | None


@answer()
class CheckCounts(TypedDict):
    """How many images stand how, how many of them were looked at since a time, and how many still wait that somebody asked for.

    `waiting_in` names the registries where most of those are.
    """

    states: Annotated[dict[str, int], Field(examples=[{"ok": 61, "missing": 1, "unchecked": 0}])]
    checked: int
    waiting: int
    waiting_in: Annotated[list[str], Field(examples=[["registry.example.org"]])]
    images: int
