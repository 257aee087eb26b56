"""The hardware of a machine, as types that are equal for equal hardware, whichever way it was read."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bayplan.agent.machine_fact import MachineFact

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
class GpuSlice:
    """A slice of a GPU (a MIG device), by the text that containers are started with: its UUID."""

    uuid: str
    gpu_instance: int
    compute_instance: int
    profile: str | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class GpuHardware:
    """One GPU, by its index in NVML's and nvidia-smi's order (that of the PCI bus). An unknown property is None.

    `slices` is None for a GPU that is not sliced (whose MIG mode is off). Of AMD's GPUs: `target` ("gfx942"), `driver_version`, that
    of the kernel's driver, and `device`, the device file for rendering ("renderD128").
    """

    index: int
    name: str | None = None
    brand: str | None = None
    memory_bytes: int | None = None
    compute_capability: str | None = None
    fabric_ready: bool | None = None
    vgpu_licensed: bool | None = None
    slices: tuple[GpuSlice, ...] | None = None
    accelerator: str = "cuda"
    target: str | None = None
    driver_version: str | None = None
    device: str | None = None

    def or_else(self, other: "GpuHardware") -> "GpuHardware":
        """Gives the same GPU, with the properties of another where its own are not known."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return replace(other, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True, slots=True)
class GpuFault:
    """A GPU that is there and does not answer, or refuses a property, and why."""

    index: int
    detail: str

    def __str__(self) -> str:
        return f"GPU {self.index} does not answer ({self.detail})"


_COMMON = frozenset(("index", "name", "brand", "memory_bytes", "compute_capability", "fabric_ready"))
"""The properties of every GPU; others stand in its JSON only where it has them."""


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPUs of a machine, their driver and the newest CUDA that it supports; none at all for a machine without.

    The driver is NVIDIA's. GPUs of AMD name their own.
    """

    driver_version: str | None = None
    gpus: tuple[GpuHardware, ...] = ()
    faults: tuple[GpuFault, ...] = ()
    cuda_version: str | None = None

    @property
    def indices(self) -> frozenset[int]:
        """Those of all GPUs, whether they answer or not."""
        return frozenset(gpu.index for gpu in self.gpus) | {fault.index for fault in self.faults}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its processors' architecture ("amd64"), its memory, its GPUs, its facts by name, and its faults in sentences."""

    architecture: str
    memory_bytes: int | None
    gpus: Gpus
    facts: Mapping[str, MachineFact] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def machine_as_json(machine: Machine) -> dict[str, Any]:
    """Gives the machine as JSON; what only some machines and GPUs have stands there only where there is some."""
    content = asdict(machine)
    content["gpus"]["gpus"] = [
        {name: value for name, value in gpu.items() if name in _COMMON or (value is not None and value != "cuda")}
        for gpu in content["gpus"]["gpus"]
    ]
    for name in ("faults", "cuda_version"):
        if not content["gpus"][name]:
            del content["gpus"][name]
    for name in ("facts", "faults"):
        if not content[name]:
            del content[name]
    return content


def machine_of(content: Mapping[str, Any]) -> Machine:
    """Gives the machine from its JSON; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
    gpus = content["gpus"]
    return Machine(
        content["architecture"],
        content["memory_bytes"],
        Gpus(
            gpus["driver_version"],
            tuple(_gpu_of(gpu) for gpu in gpus["gpus"]),
            tuple(GpuFault(**fault) for fault in gpus.get("faults", ())),
            gpus.get("cuda_version"),
        ),
        {name: MachineFact(**fact) for name, fact in content.get("facts", {}).items()},
        tuple(content.get("faults", ())),
    )


def _gpu_of(content: Mapping[str, Any]) -> GpuHardware:
    slices = content.get("slices")
    return GpuHardware(**{**content, "slices": None if slices is None else tuple(GpuSlice(**part) for part in slices)})


def brand(text: str) -> str | None:
    """Gives a brand in one spelling ("NVIDIA RTX" and "NVML_BRAND_NVIDIA_RTX" are "NvidiaRTX"), None for an unknown one."""
    word = re.sub(r"[^a-z0-9]", "", text.casefold()).removeprefix("nvmlbrand")
    return _BY_WORD.get(word, None if word in ("", "unknown", "na") else text)
