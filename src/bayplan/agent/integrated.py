"""GPUs that are a part of a system on a chip: they have no memory of their own, and older ones no driver that can be asked.

Jetson boards up to JetPack 5 have neither NVML nor nvidia-smi, nor is their GPU on a PCI bus: Linux's device tree names the chip.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from bayplan.agent import files, values
from bayplan.agent.hardware import GpuHardware, Gpus

_COMPATIBLE = ("proc/device-tree/compatible", "sys/firmware/devicetree/base/compatible")
_CHIP = re.compile(r"nvidia,tegra(\d+)")
_FIRST_WITH_CUDA = 124  # Tegra K1; Tegra 2 to 4 have a GPU without CUDA
_KERNEL_DRIVER = re.compile(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)*)\s")
_L4T = re.compile(r"# R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3}){0,2})\b")


@dataclass(frozen=True, slots=True)
class Chip:
    """The GPU of a Tegra, named as CUDA and NVML name it."""

    gpu: str
    compute_capability: str


# NVIDIA "CUDA GPUs", Jetson; Thor was 10.1 before CUDA 13.
_CHIPS = {
    124: Chip("GK20A", "3.2"),
    132: Chip("GK20A", "3.2"),
    210: Chip("NVIDIA Tegra X1", "5.3"),
    186: Chip("NVIDIA Tegra X2", "6.2"),
    194: Chip("Xavier", "7.2"),
    234: Chip("Orin (nvgpu)", "8.7"),
    264: Chip("NVIDIA Thor", "11.0"),
}
# By name, since NVML's "not supported" for the memory has other reasons on other GPUs.
_WITHOUT_MEMORY = re.compile(r"\b(?:tegra|jetson|xavier|orin|thor|nvgpu|gk20a|gb10b?|n1x?)\b", re.IGNORECASE)
_CAPABILITIES_WITHOUT_MEMORY = frozenset(chip.compute_capability for chip in _CHIPS.values()) | {"12.1"}  # GB10


def tegra(root: Path) -> int | None:
    """Gives the number of the Tegra that this machine is (234), by its device tree; None where it is none with CUDA."""
    for path in _COMPATIBLE:
        words = files.text_or_nothing(root / path).split("\0")
        for chip in (int(match.group(1)) for match in map(_CHIP.fullmatch, words) if match):
            if chip >= _FIRST_WITH_CUDA:
                return chip
    return None


def gpus(root: Path) -> Gpus | None:
    """Gives the GPU of a Tegra by its device tree alone; None where this is none, or one that is not known here."""
    chip = _CHIPS.get(tegra(root) or 0)
    if chip is None:
        return None
    gpu = GpuHardware(0, name=chip.gpu, compute_capability=chip.compute_capability)
    return Gpus(kernel_driver(root) or l4t_version(root), (gpu,))


def kernel_driver(root: Path) -> str | None:
    """Gives the version of the driver that the kernel has loaded."""
    match = _KERNEL_DRIVER.search(files.text_or_nothing(root / "proc/driver/nvidia/version"))
    return None if match is None else values.driver_version(match.group(1))


def l4t_version(root: Path) -> str | None:
    """Gives the release of Jetson Linux ("35.4.1"), which is the version of its driver up to release 35."""
    match = _L4T.search(files.text_or_nothing(root / "etc/nv_tegra_release"))
    return None if match is None else ".".join(match.groups())


def with_system_memory(gpus: Gpus, system_bytes: int | None) -> Gpus:
    """Gives the same GPUs, where those without memory of their own have the system's."""
    return replace(
        gpus,
        gpus=tuple(
            replace(gpu, memory_bytes=system_bytes) if gpu.memory_bytes is None and is_without_memory(gpu) else gpu
            for gpu in gpus.gpus
        ),
    )


def is_without_memory(gpu: GpuHardware) -> bool:
    """Whether a GPU has no memory of its own, by its name or its compute capability."""
    by_name = gpu.name is not None and _WITHOUT_MEMORY.search(gpu.name) is not None
    return by_name or gpu.compute_capability in _CAPABILITIES_WITHOUT_MEMORY
