"""A node as the rules read it.

A `Node` is hashable, so that a fleet of thousands is judged once for each distinct kind of node in it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A GPU of a machine, or a machine without one: then driver, GPU name, capability and target are None.

    None means unknown.
    """

    driver_version: str | None = None
    """Of the NVIDIA driver, or of the amdgpu kernel driver."""
    compute_capability: str | None = None
    hardware_generation: str | None = None
    gpu_name: str | None = None
    gpu_brand: str | None = None
    """In NVML's words: "Tesla", "NvidiaRTX", "GeForce"."""
    gpu_mem_bytes: int | None = None
    cpu_mem_bytes: int | None = None
    architecture: str | None = None
    """In OCI's spelling: "amd64", "arm64"."""
    accelerator: str | None = None
    """The kind of its GPU: "cuda" or "rocm"."""
    target: str | None = None
    """Of an AMD GPU: "gfx942", also with its features as in "gfx90a:sramecc+:xnack-"."""
    driver_cuda_version: str | None = None
    """The newest CUDA that its driver supports, as the driver reports it: "12.8"."""
    runtime_mode: str | None = None
    """The mode of the NVIDIA container runtime: "legacy", "csv", "cdi", "jit-cdi" or "auto"."""
    toolkit_version: str | None = None
    """Of the NVIDIA container toolkit: "1.17.8"."""
    cdi_driver_version: str | None = None
    """The driver that the machine's CDI specification was made for."""
    fabric_ready: bool | None = None
    """On NVSwitch machines: whether the fabric manager has set the fabric up."""
    l4t_version: str | None = None
    """On Jetson boards: the release of Jetson Linux, "36.4.3"."""
    wsl: bool | None = None
    """Whether the machine is a Windows Subsystem for Linux."""
    mig_profile: str | None = None
    """Of a slice of a GPU: "1g.10gb"; its memory is then `gpu_mem_bytes`."""
    vgpu_licensed: bool | None = None
    """Of a virtual GPU: whether it has its licence."""
    kernel_version: str | None = None
    shared_memory_bytes: int | None = None
    """The shared memory (/dev/shm) that a container gets."""
    machine_gpus: int | None = None
    """The GPUs of its machine that the catalogue has."""
