"""The memory of a GPU, or of the slice of it that a node is: as measured, else by its profile or its name.

Sources: NVIDIA Multi-Instance GPU User Guide (profiles name the memory rounded, in GB); NVIDIA Virtual GPU Software User Guide
(a vGPU type's name ends in its memory in GB and its series); product pages, for the memory of boards.
"""

import re
from dataclasses import dataclass

from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import NamedGpu

GB, GIB = 10**9, 1 << 30
_PROFILE = re.compile(r"\b[0-9]{1,2}g\.([0-9]{1,4})gb\b", re.IGNORECASE | re.ASCII)
_VGPU = re.compile(r"-([0-9]{1,3})([abcq])\b", re.IGNORECASE | re.ASCII)
# A driver shows less than a board has: ECC takes 1/16 of GDDR memory (NVIDIA Tesla T4: 15,360 of 16,384 MiB), firmware the rest.
SHOWN_AT_LEAST = 0.9


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """The least and the most memory, in bytes, that the GPU may have by what is known."""

    least: int
    most: int


def gpu_memory(node: Node, named: NamedGpu) -> GpuMemory | None:
    """The memory of the node's GPU; None where nothing tells it."""
    slice_gb = mig_memory_gb(node) or vgpu_memory_gb(node)
    if slice_gb is not None:
        by_slice = GpuMemory(int(slice_gb * GB * SHOWN_AT_LEAST), slice_gb * GIB)
        measured = node.gpu_mem_bytes
        return by_slice if measured is None or measured > by_slice.most else GpuMemory(measured, measured)
    if node.gpu_mem_bytes is not None:
        board = next((gib * GIB for gib in named.memory_gib if gib * GIB >= node.gpu_mem_bytes), None)
        sold_as_more = board is not None and node.gpu_mem_bytes >= board * SHOWN_AT_LEAST
        return GpuMemory(node.gpu_mem_bytes, board if board is not None and sold_as_more else node.gpu_mem_bytes)
    if not named.memory_gib:
        return None
    return GpuMemory(int(named.memory_gib[0] * GIB * SHOWN_AT_LEAST), named.memory_gib[-1] * GIB)


def mig_profile(node: Node) -> str | None:
    """The MIG profile of the slice that the node is, as measured or in its GPU's name; None for a whole GPU."""
    found = _PROFILE.search(node.mig_profile or node.gpu_name or "")
    return None if found is None else found[0]


def mig_memory_gb(node: Node) -> int | None:
    """The memory in the name of its MIG profile."""
    found = _PROFILE.search(node.mig_profile or node.gpu_name or "")
    return None if found is None else int(found[1])


def vgpu_memory_gb(node: Node) -> int | None:
    """The memory in the name of its vGPU type; None for types of less than 1 GB, and for other GPUs."""
    found = _VGPU.search(node.gpu_name or "")
    return None if found is None else int(found[1]) or None


def vgpu_series(node: Node) -> str | None:
    """The series of its vGPU type: "a", "b", "c" or "q"; None for other GPUs."""
    found = _VGPU.search(node.gpu_name or "")
    return None if found is None else found[2].lower()
