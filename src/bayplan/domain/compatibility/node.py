"""What the rules look at in a worker.

A `Worker` is hashable, so that a fleet of thousands is judged once for each distinct kind of worker in it.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Node:
    """One slot that runs containers. `driver_version` None means no GPU; any other None means not known."""

    driver_version: str | None = None
    compute_capability: str | None = None
    hardware_generation: str | None = None
    gpu_name: str | None = None
    gpu_brand: str | None = None
    """As NVML names it: "Tesla", "NvidiaRTX", "GeForce"."""
    gpu_mem_bytes: int | None = None
    cpu_mem_bytes: int | None = None
    architecture: str | None = None
    """As OCI writes it: "amd64", "arm64"."""
    runtime_mode: str | None = None
    """Of the NVIDIA container runtime: "legacy", "csv" or "cdi"."""
    toolkit_version: str | None = None
    fabric_ready: bool | None = None
    """On NVSwitch machines: whether the fabric manager has set the fabric up."""

    def needs(self) -> "Node":
        """The same worker without what no rule reads, so that equal kinds of workers are equal."""
        return replace(self, gpu_mem_bytes=None, cpu_mem_bytes=None, toolkit_version=None)
