"""A node with other facts than those that are known of it: what if it had another driver, another GPU, another runtime?

What was measured with the part that is replaced goes with it, unless it is given as well.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities

DRIVER_ALONE = frozenset(("driver_version",))
"""Where a driver alone is asked of a whole fleet, only nodes that take it are meant (`takes_driver`)."""
_OF_THE_DRIVER = ("driver_cuda_version", "cdi_driver_version")
_OF_THE_GPU = (
    "gpu_name",
    "compute_capability",
    "hardware_generation",
    "gpu_brand",
    "gpu_mem_bytes",
    "target",
    "mig_profile",
    "vgpu_licensed",
)
_IS_A_GPU = ("gpu_name", "compute_capability", "target")
_DEPENDENT = {
    "driver_version": _OF_THE_DRIVER,
    **dict.fromkeys(_IS_A_GPU, _OF_THE_GPU),
    "l4t_version": _OF_THE_DRIVER,
}
"""The facts that go when a fact is replaced."""


def overridden(node: Node, changes: Mapping[str, Any]) -> Node:
    """Gives the node with these facts in place of its own; None makes a fact unknown."""
    return _overridden(node, tuple(sorted(changes.items())))


@lru_cache(maxsize=8192)
def _overridden(node: Node, changes: tuple[tuple[str, Any], ...]) -> Node:
    given = dict(changes)
    replaced = {name for name, value in changes if value != getattr(node, name)}
    gone = {name: None for changed in replaced for name in _DEPENDENT.get(changed, ())}
    return replace(node, **gone | given)


def takes_driver(node: NodeCapabilities) -> bool:
    """Whether another driver for a whole fleet is one for this node: it has a GPU of NVIDIA, and is no Jetson."""
    return node.has_gpu and node.accelerator in (None, "cuda") and not node.is_tegra
