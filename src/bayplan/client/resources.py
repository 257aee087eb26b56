"""The resources of the API as collections: the six actions of every resource, and the further actions of some."""

import builtins
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from bayplan.client.filters import Expression, order
from bayplan.client.transport import Params, Transport

if TYPE_CHECKING:
    from bayplan.schemas.checks import ImageChecks
    from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer  # noqa: F401  # the base class names one in quotes
    from bayplan.schemas.facts import FactsAnswer
    from bayplan.schemas.floors import FloorAnswer, RunnableImageAnswer
    from bayplan.schemas.hardware import HardwareAnswer
    from bayplan.schemas.inspection import InspectionAnswer
    from bayplan.schemas.licences import LicenceAnswer
    from bayplan.schemas.match import FitAnswer, ImageOnNodes, NodeForImages
    from bayplan.schemas.nodes import ExpandedNodeAnswer, NodeAnswer  # noqa: F401  # named in quotes
    from bayplan.schemas.scans import ScanJobAnswer
    from bayplan.schemas.workers import JoinAnswer, JoinTokenAnswer, NewJoinToken, WorkerAnswer

Item = TypeVar("Item")
Expanded = TypeVar("Expanded")
Body = Mapping[str, object]

PAGE = 1_000
"""How many objects `each` reads at once."""

INSPECTION_TIMEOUT_SECONDS = 120  # the server gives a registry 90


class Collection(Generic[Item, Expanded]):
    """The objects at one path, and the six actions that every resource has."""

    def __init__(self, transport: Transport, path: str, references: tuple[str, ...] = ()) -> None:
        self._request = transport.request
        self._request_page = transport.request_page
        self._request_if_changed = transport.request_if_changed
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

        `include_inactive` adds deleted objects, `expand` puts the objects that are referred to in place of their keys.
        """
        body = {
            "expressions": list(expressions),
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params = {"limit": limit, "offset": offset, "expand": self._references if expand else None}
        return self._request("POST", f"{self._path}/list", body, params=params)

    def each(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | builtins.list[str]" = (),
        include_inactive: bool = False,
        page: int = PAGE,
    ) -> "Iterator[Item]":
        """The same, page by page as they are read: none is skipped where others are deleted meanwhile."""
        body = {
            "expressions": list(expressions),
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params: Params | None = {"limit": page}
        while params is not None:
            items, params = self._request_page(f"{self._path}/list", params, body)
            yield from items

    @overload
    def get(self, pk: int, *, expand: Literal[False] = ...) -> Item: ...

    @overload
    def get(self, pk: int, *, expand: Literal[True]) -> Expanded: ...

    def get(self, pk: int, *, expand: bool = False) -> Any:
        """The object with that key. Raises `NotFound`."""
        return self._request("GET", f"{self._path}/{pk}", params={"expand": self._references if expand else None})

    def create(self, body: Body) -> Item:
        """Adds an object and gives it as it is stored. Raises `Invalid` and `Conflict`."""
        created: Item = self._request("POST", f"{self._path}/create", body)
        return created

    def replace(self, pk: int, body: Body, *, if_match: str | None = None) -> Item:
        """Puts a whole object in place of the old one. Raises `PreconditionFailed` where `if_match` is out of date."""
        replaced: Item = self._request("PUT", f"{self._path}/{pk}", body, headers=_precondition(if_match))
        return replaced

    def update(self, pk: int, body: Body, *, if_match: str | None = None) -> Item:
        """Changes the fields that `body` names. Raises `PreconditionFailed` where `if_match` is out of date."""
        updated: Item = self._request("PATCH", f"{self._path}/{pk}", body, headers=_precondition(if_match))
        return updated

    def delete(self, pk: int, *, if_match: str | None = None) -> None:
        """Deletes an object (an image can be reinstated). Raises `Conflict` while others refer to it."""
        self._request("DELETE", f"{self._path}/{pk}", headers=_precondition(if_match))


class Images(Collection["ImageAnswer", "ExpandedImageAnswer"]):
    """The docker images."""

    def reinstate(self, pk: int) -> "ImageAnswer":
        """Brings a deleted image back. Raises `Conflict` where its name and version were taken meanwhile."""
        reinstated: ImageAnswer = self._request("DELETE", f"{self._path}/{pk}/reinstate")
        return reinstated

    def delete_for_good(self, pk: int) -> "ImageAnswer":
        """Removes an image for good, and gives its last state."""
        removed: ImageAnswer = self._request("DELETE", f"{self._path}/{pk}/hard")
        return removed

    def facts(self, pk: int) -> "FactsAnswer":
        """The facts about an image, each with its origin."""
        facts: FactsAnswer = self._request("GET", f"{self._path}/{pk}/facts")
        return facts

    def floor(self, pk: int) -> "FloorAnswer":
        """What an image needs of a node: drivers, GPUs, memory."""
        floor: FloorAnswer = self._request("GET", f"{self._path}/{pk}/floor")
        return floor

    def runnable(self) -> "builtins.list[RunnableImageAnswer]":
        """The images that some node of the catalogue runs, with their references by digest."""
        images: builtins.list[RunnableImageAnswer] = self._request("GET", f"{self._path}/runnable")
        return images

    def set_facts(self, pk: int, facts: Body) -> "FactsAnswer":
        """Enters facts; None removes an entry. Gives all facts of the image."""
        entered: FactsAnswer = self._request("PATCH", f"{self._path}/{pk}/facts", facts)
        return entered

    def request_scan(self, pk: int, architecture: str | None = None) -> "ScanJobAnswer":
        """Asks the server to read the image's files in its registry; gives the state of that scan. Raises `Conflict`."""
        job: ScanJobAnswer = self._request("POST", f"{self._path}/{pk}/scan", {"architecture": architecture})
        return job

    def scan_job(self, pk: int) -> "ScanJobAnswer":
        """How far the last scan of an image is that the server was asked for."""
        job: ScanJobAnswer = self._request("GET", f"{self._path}/{pk}/scan")
        return job

    def inspect(self, url: str, *, username: str | None = None, password: str | None = None) -> "InspectionAnswer":
        """Inspects `url` ("nvidia/cuda:12.4.1-base-ubuntu22.04") in its registry now; nothing is stored.

        Raises `NotFound` and `Invalid`; `Unreachable` where the registry does not answer as it should.
        """
        body = {"url": url, "registry_username": username, "registry_password": password}
        inspection: InspectionAnswer = self._request(
            "POST", f"{self._path}/inspect", body, timeout_seconds=INSPECTION_TIMEOUT_SECONDS
        )
        return inspection

    def inspection(self, pk: int) -> "InspectionAnswer":
        """The stored inspection of the image. Raises `NotFound` where there is none."""
        stored: InspectionAnswer = self._request("GET", f"{self._path}/{pk}/inspection")
        return stored

    def store_inspection(self, pk: int) -> "InspectionAnswer":
        """Inspects the image in its registry now, with its own credentials, and stores the result. Raises as `inspect` does."""
        stored: InspectionAnswer = self._request(
            "POST", f"{self._path}/{pk}/inspection", timeout_seconds=INSPECTION_TIMEOUT_SECONDS
        )
        return stored

    def docker_config(self, pk: int, *, kubernetes: bool = False) -> dict[str, Any]:
        """The credentials of the image's registry as a `config.json` for docker, or as a Secret for Kubernetes."""
        params = {"format": "kubernetes" if kubernetes else None}
        config: dict[str, Any] = self._request("GET", f"{self._path}/{pk}/docker-config", params=params)
        return config

    def checks(self, pk: int) -> "ImageChecks":
        """The image's check state and since when, its accepted digest, and its history."""
        checks: ImageChecks = self._request("GET", f"{self._path}/{pk}/checks")
        return checks

    def verdicts(self, pk: int) -> "ImageOnNodes":
        """The verdict on the image for every node."""
        verdicts: ImageOnNodes = self._request("GET", f"{self._path}/{pk}/nodes")
        return verdicts

    def fit(self, pk: int, *, worker: Body | None = None, nodes: "builtins.list[int] | None" = None) -> "FitAnswer":
        """The nodes by kind with the verdict on the image, best first; the facts of `worker` replace those of the nodes."""
        body = {name: value for name, value in (("worker", worker), ("nodes", nodes)) if value is not None}
        fit: FitAnswer = self._request("POST", f"{self._path}/{pk}/fit", body)
        return fit


class Nodes(Collection["NodeAnswer", "ExpandedNodeAnswer"]):
    """The nodes."""

    def verdicts(self, pk: int) -> "NodeForImages":
        """The verdict on every image for the node."""
        verdicts: NodeForImages = self._request("GET", f"{self._path}/{pk}/images")
        return verdicts

    def ping(self, node: int) -> Any:
        """Tells the server that a node is alive: by its worker, or by staff."""
        return self._request("GET", f"{self._path}/ping", headers={"Node-Id": str(node)})

    def join(self, hardware: Body) -> "JoinAnswer":
        """Joins a machine (by a join token), or reports its hardware (by its worker)."""
        joined: JoinAnswer = self._request("POST", f"{self._path}/join", hardware)
        return joined

    def make_join_token(self, *, expires_in: int, uses: int) -> "NewJoinToken":
        """A token with which `uses` machines can join, for `expires_in` seconds."""
        body = {"expires_in": expires_in, "uses": uses}
        join_token: NewJoinToken = self._request("POST", f"{self._path}/join-tokens", body)
        return join_token

    def join_tokens(self) -> "builtins.list[JoinTokenAnswer]":
        """The join tokens that have not expired long ago, without the tokens themselves."""
        join_tokens: builtins.list[JoinTokenAnswer] = self._request("POST", f"{self._path}/join-tokens/list")
        return join_tokens

    def revoke_join_token(self, pk: int) -> None:
        """Ends a join token; the workers that joined with it stay."""
        self._request("DELETE", f"{self._path}/join-tokens/{pk}")

    def workers(self) -> "builtins.list[WorkerAnswer]":
        """The workers, by address."""
        workers: builtins.list[WorkerAnswer] = self._request("POST", f"{self._path}/workers/list")
        return workers

    def revoke(self, worker: str, *, nodes: bool = False) -> None:
        """Ends a worker's credential at once, and with `nodes` removes its nodes."""
        self._request("DELETE", f"{self._path}/workers/{worker}", params={"nodes": "true" if nodes else None})


class Generations(Collection["HardwareAnswer", "HardwareAnswer"]):
    """The generations of GPUs."""

    def of(self, compute_capability: str | float) -> "HardwareAnswer":
        """The generation of GPUs with that compute capability ("8.6"). Raises `NotFound`."""
        generation: HardwareAnswer = self._request("GET", f"{self._path}/get-hardware-generation/{compute_capability}")
        return generation


class Licences(Collection["LicenceAnswer", "LicenceAnswer"]):
    """The licences."""

    def change_words(
        self,
        pk: int,
        method: Literal["add", "remove"],
        kind: Literal["domains", "permissions", "limitations", "conditions"],
        names: "list[str]",
    ) -> "LicenceAnswer":
        """Adds words to, or removes them from, what a licence permits, limits or asks."""
        body = {"method": method, "type": kind, "names": names}
        changed: LicenceAnswer = self._request("PATCH", f"{self._path}/{pk}/subdescriptors", body)
        return changed


def _precondition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}
