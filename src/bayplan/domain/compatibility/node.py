"""A node as the rules read it.

A `Node` is hashable, so that a fleet of thousands is judged once for each distinct kind of node in it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A GPU of a machine, or a machine without one. `driver_version` None means no GPU; any other None means unknown."""

    driver_version: str | None = None
    compute_capability: str | None = None
    hardware_generation: str | None = None
    gpu_name: str | None = None
    gpu_brand: str | None = None
    """In NVML's words: "Tesla", "NvidiaRTX", "GeForce"."""
    gpu_mem_bytes: int | None = None
    cpu_mem_bytes: int | None = None
    architecture: str | None = None
    """In OCI's spelling: "amd64", "arm64"."""
    runtime_mode: str | None = None
    """The mode of the NVIDIA container runtime: "legacy", "csv" or "cdi"."""
    toolkit_version: str | None = None
    fabric_ready: bool | None = None
    """On NVSwitch machines: whether the fabric manager has set the fabric up."""
