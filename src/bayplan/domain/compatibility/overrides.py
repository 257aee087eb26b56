"""A node with other facts than those that are known of it: what if it had another driver, another GPU, another runtime?

What was measured with the part that is replaced goes with it, unless it is given as well.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.versions import DriverVersion, read

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
    """Gives the node with these facts in place of its own; None makes a fact unknown.

    A driver with fewer parts than the node's, such as its branch, is the node's own.
    """
    return _overridden(node, tuple(sorted(changes.items())))


@lru_cache(maxsize=8192)
def _overridden(node: Node, changes: tuple[tuple[str, Any], ...]) -> Node:
    given = dict(changes)
    if _is_of(node.driver_version, given.get("driver_version")):
        given["driver_version"] = node.driver_version
    replaced = {name for name, value in given.items() if value != getattr(node, name)}
    gone = {name: None for changed in replaced for name in _DEPENDENT.get(changed, ())}
    return replace(node, **gone | given)


def _is_of(driver: str | None, asked: str | None) -> bool:
    """Whether a driver is of the branch that is asked for: a node with 580.95.05 that is to have 580 keeps its driver."""
    release, branch = read(DriverVersion.parse, driver), read(DriverVersion.parse, asked)
    return release is not None and branch is not None and branch <= release and branch.may_be(release)


def takes_driver(node: NodeCapabilities) -> bool:
    """Whether another driver for a whole fleet is one for this node: it has a GPU of NVIDIA, and is no Jetson."""
    return node.has_gpu and node.accelerator in (None, "cuda") and not node.is_tegra
