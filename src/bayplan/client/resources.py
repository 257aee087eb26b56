"""The resources of the API as collections: the six actions that all have, once, and what only some have."""

import builtins
from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar, overload

from bayplan.client.answers import (
    ExpandedImage,
    ExpandedNode,
    Fact,
    Hardware,
    Image,
    ImageVerdicts,
    Joined,
    JoinedWorker,
    JoinToken,
    Licence,
    Node,
    NodeVerdicts,
)
from bayplan.client.checks import ImageChecks
from bayplan.client.filters import Expression, order
from bayplan.client.inspections import Inspection
from bayplan.client.transport import Transport

Item = TypeVar("Item")
Expanded = TypeVar("Expanded")
Body = Mapping[str, object]

INSPECTION_TIMEOUT_SECONDS = 120  # the server gives a registry 90


class Collection(Generic[Item, Expanded]):
    """The objects at one path, and the six actions that every resource has."""

    def __init__(self, transport: Transport, path: str, references: tuple[str, ...] = ()) -> None:
        self._ask = transport.ask
        self._ask_anew = transport.ask_anew
        self._path = path
        self._references = ",".join(references) or None

    @overload
    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: Literal[False] = ...,
    ) -> "list[Item]": ...

    @overload
    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: Literal[True],
    ) -> "list[Expanded]": ...

    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = (),
        include_inactive: bool = False,
        limit: int | None = None,
        offset: int | None = None,
        expand: bool = False,
    ) -> Any:
        """The objects that satisfy every expression, in order ("name", or "-name" for the last first; then by key).

        `include_inactive` adds what is deleted, `expand` puts the objects that are referred to in place of their keys.
        """
        body = {
            "expressions": list(expressions),
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params = {"limit": limit, "offset": offset, "expand": self._references if expand else None}
        return self._ask("POST", f"{self._path}/list", body, params=params)

    @overload
    def get(self, pk: int, *, expand: Literal[False] = ...) -> Item: ...

    @overload
    def get(self, pk: int, *, expand: Literal[True]) -> Expanded: ...

    def get(self, pk: int, *, expand: bool = False) -> Any:
        """The object with that key. Raises `NotFound`."""
        return self._ask("GET", f"{self._path}/{pk}", params={"expand": self._references if expand else None})

    def create(self, body: Body) -> Item:
        """Adds an object and gives it as it is stored. Raises `Invalid` and `Conflict`."""
        created: Item = self._ask("POST", f"{self._path}/create", body)
        return created

    def replace(self, pk: int, body: Body, *, if_match: str | None = None) -> Item:
        """Puts a whole object in place of the old one. Raises `PreconditionFailed` where `if_match` is out of date."""
        replaced: Item = self._ask("PUT", f"{self._path}/{pk}", body, headers=_precondition(if_match))
        return replaced

    def update(self, pk: int, body: Body, *, if_match: str | None = None) -> Item:
        """Changes the fields that `body` names. Raises `PreconditionFailed` where `if_match` is out of date."""
        updated: Item = self._ask("PATCH", f"{self._path}/{pk}", body, headers=_precondition(if_match))
        return updated

    def delete(self, pk: int, *, if_match: str | None = None) -> None:
        """Deletes an object (an image can be reinstated). Raises `Conflict` while others refer to it."""
        self._ask("DELETE", f"{self._path}/{pk}", headers=_precondition(if_match))


class Images(Collection[Image, ExpandedImage]):
    """The docker images."""

    def reinstate(self, pk: int) -> Image:
        """Brings a deleted image back. Raises `Conflict` where its name and version were taken meanwhile."""
        reinstated: Image = self._ask("DELETE", f"{self._path}/{pk}/reinstate")
        return reinstated

    def delete_for_good(self, pk: int) -> Image:
        """Removes an image so that nothing is left of it, and gives what it was."""
        removed: Image = self._ask("DELETE", f"{self._path}/{pk}/hard")
        return removed

    def facts(self, pk: int) -> dict[str, Fact]:
        """What is known of an image beyond its fields, each with where it came from."""
        facts: dict[str, Fact] = self._ask("GET", f"{self._path}/{pk}/facts")
        return facts

    def set_facts(self, pk: int, facts: Body) -> dict[str, Fact]:
        """Enters facts by hand; None takes an entry back. Gives all facts as they are then."""
        entered: dict[str, Fact] = self._ask("PATCH", f"{self._path}/{pk}/facts", facts)
        return entered

    def inspect(self, url: str, *, username: str | None = None, password: str | None = None) -> Inspection:
        """What the registry holds under `url` ("nvidia/cuda:12.4.1-base-ubuntu22.04"), asked now; nothing is stored.

        Raises `NotFound` and `Invalid`; `Unreachable` where the registry does not answer as it should.
        """
        body = {"url": url, "registry_username": username, "registry_password": password}
        found: Inspection = self._ask("POST", f"{self._path}/inspect", body, timeout_seconds=INSPECTION_TIMEOUT_SECONDS)
        return found

    def inspection(self, pk: int) -> Inspection:
        """What the image's registry said when it was last asked. Raises `NotFound` where it never was."""
        stored: Inspection = self._ask("GET", f"{self._path}/{pk}/inspection")
        return stored

    def store_inspection(self, pk: int) -> Inspection:
        """Asks the image's registry now, with the image's own log-in, and stores what it says. Raises as `inspect` does."""
        stored: Inspection = self._ask(
            "POST", f"{self._path}/{pk}/inspection", timeout_seconds=INSPECTION_TIMEOUT_SECONDS
        )
        return stored

    def docker_config(self, pk: int, *, kubernetes: bool = False) -> dict[str, Any]:
        """The log-in of the image's registry as a `config.json` for docker, or as a Secret for Kubernetes."""
        params = {"format": "kubernetes" if kubernetes else None}
        config: dict[str, Any] = self._ask("GET", f"{self._path}/{pk}/docker-config", params=params)
        return config

    def checks(self, pk: int) -> ImageChecks:
        """How the image stands with its registry since when, which digest the catalogue stands by, and its history."""
        checks: ImageChecks = self._ask("GET", f"{self._path}/{pk}/checks")
        return checks

    def verdicts(self, pk: int) -> ImageVerdicts:
        """How the image would run on every node."""
        verdicts: ImageVerdicts = self._ask("GET", f"{self._path}/{pk}/nodes")
        return verdicts


class Nodes(Collection[Node, ExpandedNode]):
    """The worker nodes."""

    def verdicts(self, pk: int) -> NodeVerdicts:
        """How every image would run on the node."""
        verdicts: NodeVerdicts = self._ask("GET", f"{self._path}/{pk}/images")
        return verdicts

    def ping(self, node: int) -> Any:
        """Tells the server that a node is alive: by its worker, or by staff."""
        return self._ask("GET", f"{self._path}/ping", headers={"Node-Id": str(node)})

    def join(self, machine: Body) -> Joined:
        """Takes a machine in (by a join token), or says what it is now (by the worker that it is)."""
        joined: Joined = self._ask("POST", f"{self._path}/join", machine)
        return joined

    def make_join_token(self, *, expires_in: int, uses: int) -> JoinToken:
        """A token with which so many machines can join, for so many seconds."""
        body = {"expires_in": expires_in, "uses": uses}
        made: JoinToken = self._ask("POST", f"{self._path}/join-tokens", body)
        return made

    def workers(self) -> "builtins.list[JoinedWorker]":
        """The machines that have joined, by address."""
        workers: builtins.list[JoinedWorker] = self._ask("POST", f"{self._path}/workers/list")
        return workers

    def revoke(self, worker: str, *, nodes: bool = False) -> None:
        """Ends a worker's credential at once, and with `nodes` removes its nodes."""
        self._ask("DELETE", f"{self._path}/workers/{worker}", params={"nodes": "true" if nodes else None})


class Generations(Collection[Hardware, Hardware]):
    """The generations of GPUs."""

    def of(self, compute_capability: str | float) -> Hardware:
        """The generation of GPUs with that compute capability ("8.6"). Raises `NotFound`."""
        generation: Hardware = self._ask("GET", f"{self._path}/get-hardware-generation/{compute_capability}")
        return generation


class Licences(Collection[Licence, Licence]):
    """The licences."""

    def change_words(
        self,
        pk: int,
        method: Literal["add", "remove"],
        kind: Literal["domains", "permissions", "limitations", "conditions"],
        names: "list[str]",
    ) -> Licence:
        """Adds words to, or removes them from, what a licence permits, limits or asks."""
        body = {"method": method, "type": kind, "names": names}
        changed: Licence = self._ask("PATCH", f"{self._path}/{pk}/subdescriptors", body)
        return changed


def _precondition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}
