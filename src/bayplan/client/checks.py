"""How images stand with their registries, as the API answers it."""

import builtins
from typing import Any, Literal, TypedDict

from bayplan.client.transport import Transport

LOOK_TIMEOUT_SECONDS = 180  # the server gives a registry 60 for a look, and 90 more for an image that is another one
ASK_TIMEOUT_SECONDS = 120

State = Literal["ok", "moved", "missing", "denied", "unreachable"]


class ChangedField(TypedDict):
    """Something that the image which was found says otherwise than the one that the catalogue stands by."""

    field: str
    old: Any
    new: Any


class _Finding(TypedDict):
    state: State | None
    digest: str | None
    found: str | None
    code: str | None
    detail: str | None


class CheckChange(_Finding):
    """When the state of an image, or one of its digests, became another one."""

    at: str
    changes: list[ChangedField] | None


class ImageChecks(_Finding):
    """How an image stands with its registry, since when, and how it stood before, newest first."""

    image: int
    since: str | None
    checked: str | None
    due: str | None
    history: list[CheckChange]


class Trouble(_Finding):
    """An image that was looked at and is not ok."""

    image: int
    name: str
    version: str
    since: str
    checked: str
    due: str | None


class Asked(TypedDict):
    """From when on looks count as asked for by this, and at how many images."""

    asked: str
    images: int


class CheckCounts(TypedDict):
    """How many images are in each state, were looked at since a time, still wait that somebody asked for, and are there.

    `waiting_in` names the registries where most of those that wait are.
    """

    states: dict[str, int]
    checked: int
    waiting: int
    waiting_in: list[str]
    images: int


class Checks:
    """The looks of the server into the registries of its images; `Images.checks` has what they found of one."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def look(self, pk: int) -> ImageChecks:
        """How an image stands, looked at now."""
        found: ImageChecks = self._ask("POST", f"/v1/docker/{pk}/checks", timeout_seconds=LOOK_TIMEOUT_SECONDS)
        return found

    def ask(self, which: Literal["all", "not_ok"]) -> Asked:
        """Has images looked at, all or those not known to be ok, and does not wait for it."""
        asked: Asked = self._ask("POST", "/v1/docker/checks", {"which": which}, timeout_seconds=ASK_TIMEOUT_SECONDS)
        return asked

    def counts(self, since: str | None = None) -> CheckCounts:
        """How many images stand how; `checked` are those that were looked at `since` then."""
        counts: CheckCounts = self._ask("GET", "/v1/docker/checks", params={"since": since})
        return counts

    def troubles(self, *, limit: int | None = None, offset: int | None = None) -> "builtins.list[Trouble]":
        """The images that are not ok, those that have been so for the longest time first."""
        params = {"limit": limit, "offset": offset}
        found: builtins.list[Trouble] = self._ask("POST", "/v1/docker/checks/list", params=params)
        return found
