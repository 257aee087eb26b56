"""The hardware of a machine, as types that are equal for equal hardware, whichever way it was read."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

# NVML's brands, spelled as in NVML's enumeration without the prefix: nvidia-smi writes "NVIDIA RTX" for NvidiaRTX.
_BRANDS = (
    "Quadro",
    "Tesla",
    "NVS",
    "GRID",
    "GeForce",
    "Titan",
    "NvidiaVApps",
    "NvidiaVPC",
    "NvidiaVCS",
    "NvidiaVWS",
    "NvidiaCloudGaming",
    "NvidiaVGaming",
    "QuadroRTX",
    "NvidiaRTX",
    "Nvidia",
    "GeForceRTX",
    "TitanRTX",
)
_BY_WORD = {brand.casefold(): brand for brand in _BRANDS} | {
    "nvidiavirtualapplications": "NvidiaVApps",
    "nvidiavirtualpc": "NvidiaVPC",
    "nvidiavirtualcomputeserver": "NvidiaVCS",
    "nvidiartxvirtualworkstation": "NvidiaVWS",
}


@dataclass(frozen=True, slots=True)
class GpuHardware:
    """One GPU, by its index in NVML's and nvidia-smi's order (that of the PCI bus). An unknown property is None."""

    index: int
    name: str | None = None
    brand: str | None = None
    memory_bytes: int | None = None
    compute_capability: str | None = None
    fabric_ready: bool | None = None

    def or_else(self, other: "GpuHardware") -> "GpuHardware":
        """Gives the same GPU, with the properties of another where its own are not known."""
        return replace(other, **{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True, slots=True)
class GpuFault:
    """A GPU that is there and does not answer, or refuses a property, and why."""

    index: int
    detail: str

    def __str__(self) -> str:
        return f"GPU {self.index} does not answer ({self.detail})"


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPUs of a machine and their driver; none at all for a machine without."""

    driver_version: str | None = None
    gpus: tuple[GpuHardware, ...] = ()
    faults: tuple[GpuFault, ...] = ()

    @property
    def indices(self) -> frozenset[int]:
        """Those of all GPUs, whether they answer or not."""
        return frozenset(gpu.index for gpu in self.gpus) | {fault.index for fault in self.faults}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its processors' architecture ("amd64"), its memory, its GPUs."""

    architecture: str
    memory_bytes: int | None
    gpus: Gpus


def machine_as_json(machine: Machine) -> dict[str, Any]:
    """Gives the machine as JSON; `faults` only where there are some."""
    content = asdict(machine)
    if not machine.gpus.faults:
        del content["gpus"]["faults"]
    return content


def machine_of(content: Mapping[str, Any]) -> Machine:
    """Gives the machine from its JSON; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
    gpus = content["gpus"]
    return Machine(
        content["architecture"],
        content["memory_bytes"],
        Gpus(
            gpus["driver_version"],
            tuple(GpuHardware(**gpu) for gpu in gpus["gpus"]),
            tuple(GpuFault(**fault) for fault in gpus.get("faults", ())),
        ),
    )


def brand(text: str) -> str | None:
    """Gives a brand in one spelling ("NVIDIA RTX" and "NVML_BRAND_NVIDIA_RTX" are "NvidiaRTX"), None for an unknown one."""
    word = re.sub(r"[^a-z0-9]", "", text.casefold()).removeprefix("nvmlbrand")
    return _BY_WORD.get(word, None if word in ("", "unknown", "na") else text)
