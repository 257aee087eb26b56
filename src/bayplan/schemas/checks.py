"""Requests and answers about the checks of images against their registries."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Timestamp
from bayplan.schemas.components import answer

CheckStateName = Literal["ok", "moved", "missing", "denied", "unreachable"]


class ChecksRequest(Body):
    """Which images to check: all, or those that are not known to be ok."""

    which: Literal["all", "not_ok"]


@answer("Asked")
class RequestedChecks(TypedDict):
    """The number of images to check. Checks since `asked` are the requested ones."""

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

    state: CheckStateName | None
    digest: str | None
    found: str | None
    code: str | None
    detail: str | None


@answer()
class CheckChange(CheckFields):
    """A change of an image's state, or of one of its digests."""

    at: Timestamp
    changes: list[ChangedField] | None


@answer()
class ImageChecks(CheckFields):
    """An image's state in its registry: null before the first check. `due` is the next check, null where none is planned."""

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
    """Images in each state, those checked since a time, and those that wait for a requested check.

    `waiting_in` names the registries with most of those.
    """

    states: Annotated[dict[str, int], Field(examples=[{"ok": 61, "missing": 1, "unchecked": 0}])]
    checked: int
    waiting: int
    waiting_in: Annotated[list[str], Field(examples=[["registry.example.org"]])]
    images: int
