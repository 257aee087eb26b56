"""Rules for prefetching, and what machines hold of what they are to hold: the calls, and their answers as types."""

import builtins
from typing import Any, Literal, TypedDict

from bayplan.client.answers import Grade, Image, User
from bayplan.client.resources import Collection

State = Literal["held", "pulling", "failed", "no_room", "removing"]
Specification = dict[str, builtins.list[dict[str, Any]]]
"""The `expressions` and the `order_by` of a filter."""


class _RuleFields(TypedDict):
    pk: int
    name: str
    nodes: Specification
    images: Specification
    creation_time: str


class Rule(_RuleFields):
    """A rule: which nodes are to hold which images."""

    creator: int


class ExpandedRule(_RuleFields):
    """A rule with its creator in place of the key."""

    creator: User


class WantedImage(TypedDict):
    """An image that this machine is to hold: as which digest (None where none is known), for which nodes, by which rules."""

    image: Image
    digest: str | None
    size_bytes: int | None
    nodes: builtins.list[int]
    rules: builtins.list[str]
    grade: Grade


class Wanted(TypedDict):
    """What this machine is to hold, in this order; and the images to keep if it has them, which cannot be pulled now."""

    images: builtins.list[WantedImage]
    keep: builtins.list[int]


class Holding(TypedDict):
    """What a machine says of an image."""

    image: int
    state: State
    digest: str | None
    size_bytes: int | None
    detail: str | None


class _Told(TypedDict):
    state: State | None
    digest: str | None
    size_bytes: int | None
    detail: str | None
    at: str | None
    wanted: bool


class ImageOfNode(_Told):
    """An image that a node's machine speaks of, or that the node is to have."""

    image: int
    name: str
    version: str


class NodeHoldings(TypedDict):
    """What there is of images for a node."""

    node: int
    images: builtins.list[ImageOfNode]


class NodeOfImage(_Told):
    """A node whose machine speaks of an image, or that is to have it."""

    node: int
    ip: str
    index: int
    worker: str


class ImageHoldings(TypedDict):
    """For which nodes there is something of an image."""

    image: int
    nodes: builtins.list[NodeOfImage]


class MachineHoldings(TypedDict):
    """A machine in numbers of images."""

    worker: str
    ip: str
    nodes: builtins.list[int]
    wanted: int
    held: int
    pulling: int
    failed: int
    no_room: int
    unwanted: int
    held_bytes: int
    changed: str | None


class Prefetch(Collection[Rule, ExpandedRule]):
    """The rules, and what comes of them."""

    def wanted(self, tag: str | None = None) -> tuple[Wanted, str | None] | None:
        """What this machine is to hold, asked by its worker, and the answer's ETag; None where `tag` is still that."""
        return self._ask_anew(f"{self._path}/wanted", tag)

    def say(self, images: builtins.list[Holding]) -> None:
        """Says all that this machine holds, in place of what it said before."""
        self._ask("PUT", f"{self._path}/holdings", {"images": images})

    def status(self) -> builtins.list[MachineHoldings]:
        """What all machines hold, in numbers, by address."""
        machines: builtins.list[MachineHoldings] = self._ask("GET", f"{self._path}/status")
        return machines

    def of_node(self, pk: int) -> NodeHoldings:
        """What there is of images for a node. Raises `NotFound`."""
        holdings: NodeHoldings = self._ask("GET", f"/v1/nodes/{pk}/holdings")
        return holdings

    def of_image(self, pk: int) -> ImageHoldings:
        """For which nodes there is something of an image. Raises `NotFound`."""
        holdings: ImageHoldings = self._ask("GET", f"/v1/docker/{pk}/holdings")
        return holdings
