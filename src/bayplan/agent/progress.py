"""How far a pull is: what an engine says line by line, added up by layer and for the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LayerState = Literal["waiting", "downloading", "extracting", "done", "there"]

# What engines write, in the order in which a layer goes through it. Podman knows fewer of these words.
_STATES: dict[str, LayerState] = {
    "pulling fs layer": "waiting",
    "waiting": "waiting",
    "downloading": "downloading",
    "verifying checksum": "downloading",
    "download complete": "downloading",
    "extracting": "extracting",
    "pull complete": "done",
    "already exists": "there",
}


@dataclass(slots=True)
class Layer:
    """One layer: what happens to it, and how many of its (compressed) bytes are here. A size that is not known yet is 0."""

    state: LayerState = "waiting"
    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(slots=True)
class Progress:
    """All layers that the engine has spoken of, by its name for them, in the order in which it did."""

    layers: dict[str, Layer] = field(default_factory=dict)
    has_ended: bool = False

    @property
    def done_bytes(self) -> int:
        """How much is here of what is downloaded."""
        return sum(layer.done_bytes for layer in self.layers.values())

    @property
    def total_bytes(self) -> int:
        """How much that will be, as far as the engine has said."""
        return sum(layer.total_bytes for layer in self.layers.values())

    def of_bytes(self, size_bytes: int) -> int:
        """How much that will be, of an image of that size: less where some of it is here, which shows when no layer waits any more."""
        if self.has_ended:
            return self.total_bytes
        waits = any(layer.state == "waiting" for layer in self.layers.values())
        return max(size_bytes, self.total_bytes) if waits else self.total_bytes or size_bytes

    @property
    def layers_done(self) -> int:
        """How many layers are there, and in their place."""
        return sum(layer.state in ("done", "there") for layer in self.layers.values())

    def take(self, line: Mapping[str, Any]) -> None:
        """Takes one more line in; what is not about a layer, or is not understood, changes nothing."""
        name, state = line.get("id"), _STATES.get(str(line.get("status", "")).casefold())
        if not isinstance(name, str) or state is None:
            return
        layer = self.layers.setdefault(name, Layer())
        layer.state = state
        detail = line.get("progressDetail") or {}
        if state == "downloading" and isinstance(detail.get("total"), int):
            layer.done_bytes, layer.total_bytes = int(detail.get("current") or 0), detail["total"]
        elif (
            state != "waiting"
        ):  # sizes of what is extracted are of something else: the bytes that were asked for are all here
            layer.done_bytes = layer.total_bytes

    def end(self) -> None:
        """Takes it that the pull has succeeded: Podman does not say of layers that they are in their place."""
        self.has_ended = True
        for layer in self.layers.values():
            layer.done_bytes = layer.total_bytes
            if layer.state != "there":
                layer.state = "done"
