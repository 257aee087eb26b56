"""The progress of a pull: the lines of an engine, added up by layer and for the whole image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LayerState = Literal["waiting", "downloading", "extracting", "done", "there"]

# The states that engines write, in the order in which a layer goes through them. Podman has fewer of them.
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
    """A layer: its state, and how many of its (compressed) bytes are here. An unknown size is 0."""

    state: LayerState = "waiting"
    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(slots=True)
class Progress:
    """All layers that the engine has named, by its name for them, in its order."""

    layers: dict[str, Layer] = field(default_factory=dict)
    has_ended: bool = False

    @property
    def done_bytes(self) -> int:
        """The bytes that are downloaded already."""
        return sum(layer.done_bytes for layer in self.layers.values())

    @property
    def total_bytes(self) -> int:
        """The bytes to download in all, as far as the engine has announced them."""
        return sum(layer.total_bytes for layer in self.layers.values())

    def of_bytes(self, size_bytes: int) -> int:
        """The bytes to download of an image of that size: fewer where layers are here already, which shows once no layer waits."""
        if self.has_ended:
            return self.total_bytes
        waits = any(layer.state == "waiting" for layer in self.layers.values())
        return max(size_bytes, self.total_bytes) if waits else self.total_bytes or size_bytes

    @property
    def is_downloaded(self) -> bool:
        """Whether all layers that the engine has named are here, though perhaps not unpacked yet."""
        return bool(self.layers) and all(
            layer.state not in ("waiting", "downloading") or 0 < layer.total_bytes <= layer.done_bytes
            for layer in self.layers.values()
        )

    @property
    def layers_done(self) -> int:
        """How many layers are complete."""
        return sum(layer.state in ("done", "there") for layer in self.layers.values())

    def take(self, line: Mapping[str, Any]) -> None:
        """Adds a line; a line that is not about a layer, or has an unknown status, changes nothing."""
        name, state = line.get("id"), _STATES.get(str(line.get("status", "")).casefold())
        if not isinstance(name, str) or state is None:
            return
        layer = self.layers.setdefault(name, Layer())
        layer.state = state
        detail = line.get("progressDetail") or {}
        if state == "downloading" and isinstance(detail.get("total"), int):
            layer.done_bytes, layer.total_bytes = int(detail.get("current") or 0), detail["total"]
        elif state != "waiting":  # from here on engines write the sizes of extraction: the download is complete
            layer.done_bytes = layer.total_bytes

    def end(self) -> None:
        """Marks all layers as complete after a pull that succeeded: Podman does not report that."""
        self.has_ended = True
        for layer in self.layers.values():
            layer.done_bytes = layer.total_bytes
            if layer.state != "there":
                layer.state = "done"
