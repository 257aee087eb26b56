"""The rules for prefetching, the desired images that follow from them, and the inventories that workers report."""

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayplan.client.collection import Collection, Named
from bayplan.client.images import Images
from bayplan.client.nodes import Nodes
from bayplan.client.transport import Transport

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import (
        DesiredImagesAnswer,
        ExpandedPrefetchRuleAnswer,  # noqa: F401  # named in quotes
        ImageInventory,
        InventoryEntry,
        NodeInventory,
        PrefetchRuleAnswer,  # noqa: F401  # named in quotes
        WorkerInventory,
    )


class Prefetch(Collection["PrefetchRuleAnswer", "ExpandedPrefetchRuleAnswer"]):
    """The rules for prefetching, and the desired images and inventories that follow from them."""

    noun, list_command = "rule", "prefetch list"

    def __init__(
        self, transport: Transport, path: str, references: tuple[str, ...], images: Images, nodes: Nodes
    ) -> None:
        super().__init__(transport, path, references)
        self._images, self._nodes = images, nodes

    def desired_images(self, etag: str | None = None) -> "tuple[DesiredImagesAnswer, str | None] | None":
        """The images desired on this worker, with the answer's ETag; None where that is still `etag`."""
        return self._request_if_changed(f"{self._path}/wanted", etag)

    def report_inventory(self, images: "Sequence[InventoryEntry]") -> None:
        """Reports the image inventory of this worker, in place of its last report."""
        self._request("PUT", f"{self._path}/holdings", {"images": images})

    def status(self) -> "builtins.list[WorkerInventory]":
        """The numbers of each worker's inventory, by address."""
        inventories: builtins.list[WorkerInventory] = self._request("GET", f"{self._path}/status")
        return inventories

    def node_inventory(self, node: Named) -> "NodeInventory":
        """The images that a node holds or is to hold. Raises `NotFound`."""
        inventory: NodeInventory = self._request("GET", f"/v1/nodes/{self._nodes.key(node)}/holdings")
        return inventory

    def image_inventory(self, image: Named) -> "ImageInventory":
        """The nodes that hold an image or are to hold it. Raises `NotFound`."""
        inventory: ImageInventory = self._request("GET", f"/v1/docker/{self._images.key(image)}/holdings")
        return inventory
