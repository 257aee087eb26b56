"""An image as the rules read it, and the table of those of its fields that are facts from inspections, scans or staff.

An `Image` has only the fields that a verdict may depend on, and is hashable: equal images are judged once.
"""

import datetime
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CompatLibraries:
    """The forward-compatibility package (cuda-compat) in an image: its CUDA, and its own driver version or branch."""

    cuda: str | None
    driver: str | None


KernelArchitectures = tuple[tuple[str, tuple[str, ...]], ...]
"""The architectures that each library was built for, by the library's name; a list of no library is the framework's."""
FRAMEWORK = ""
"""The name in `KernelArchitectures` of a list that names no library."""

CompatActivation = Literal["toolkit", "entrypoint", "always", "never"]
RuntimeCompilation = Literal["ptx", "cubin", False]


def framework_kernels(*architectures: str) -> KernelArchitectures:
    """The architectures of the framework, where no library is named."""
    return ((FRAMEWORK, architectures),)


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when an image is deprecated, why, and the name and version of the image to use instead."""

    since: datetime.date
    why: str | None = None
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """What an image declares. None means unknown; for `cuda` it means no CUDA where `cpu` is true."""

    cpu: bool = False
    cuda: str | None = None
    """The full release, such as "12.4.1"; a minor release such as "12.4" where the patch is unknown."""
    min_generation: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    architectures: tuple[str, ...] | None = None
    """In OCI's spelling: "amd64", "arm64"."""
    accelerator: str | None = None
    """The kind of GPU that it is for: "cuda", "rocm", "ascend" or another lower-case word."""
    rocm_version: str | None = None
    requirements: tuple[tuple[str, str], ...] | None = None
    """The NVIDIA_REQUIRE_* variables, sorted by name; an empty tuple means that there are none."""
    disable_require: bool | None = None
    compat_package: CompatLibraries | None = None
    compat_activation: CompatActivation | None = None
    """How that package's libraries come before the driver's."""
    framework_cuda: str | None = None
    """The CUDA release that the framework was built with; `cuda` is that of the base image."""
    kernel_architectures: KernelArchitectures | None = None
    """Such as "8.0", "9.0a", "12.0+PTX"; "compute_90" for PTX without machine code; "gfx942", "gfx90a:xnack+"."""
    compiles_at_runtime: RuntimeCompilation | None = None
    """What it compiles while it runs: PTX for the driver, machine code ("cubin") with a compiler of its own, or nothing."""
    compiler_cuda: str | None = None
    """The CUDA release of that compiler of its own."""
    min_driver: str | None = None
    min_compute_capability: str | None = None
    min_gpu_memory_bytes: int | None = None
    min_shared_memory_bytes: int | None = None
    min_gpus: int | None = None
    needs_driver: bool | None = None
    """Whether it needs the GPU's driver without using CUDA, as video encoders do."""
    end_of_life: datetime.date | None = None
    deleted: bool = False
    withdrawn_reason: str | None = None
    """Staff's reason for taking it out of use; None while it is in use."""
    deprecation: Deprecation | None = None
    """None while it is not deprecated."""
    missing_in_registry: bool = False
    by_architecture: "tuple[tuple[str, Image], ...]" = ()
    """The image on architectures where its facts differ, by the architecture's name."""

    @property
    def is_for_tegra(self) -> bool:
        """Whether the image is for L4T: it requires a JetPack (other NVIDIA images leave the variable empty)."""
        return any(
            name.upper().startswith("NVIDIA_REQUIRE_JETPACK") and value.strip()
            for name, value in self.requirements or ()
        )


@dataclass(frozen=True, slots=True)
class FactType:
    """One fact of an image: its field in `Image`, and what it means."""

    name: str
    meaning: str


FACTS = (
    FactType("architectures", "the platforms that it is built for, such as amd64 and arm64"),
    FactType("accelerator", "the kind of GPU that it is for: cuda, rocm, ascend, ..."),
    FactType("rocm_version", "its ROCm release"),
    FactType("requirements", "its NVIDIA_REQUIRE_* variables, which the container runtime checks at start"),
    FactType("disable_require", "whether it sets NVIDIA_DISABLE_REQUIRE, which switches that check off"),
    FactType("compat_package", "its forward-compatibility package: the CUDA release and the driver of the package"),
    FactType("compat_activation", "what puts that package's libraries before the driver's"),
    FactType("framework_cuda", "the CUDA release that its framework was built with"),
    FactType("kernel_architectures", "the GPUs that its libraries have code for"),
    FactType("compiles_at_runtime", "what it compiles while it runs: ptx, cubin (machine code), or nothing"),
    FactType("compiler_cuda", "the CUDA release of the compiler that makes its machine code while it runs"),
    FactType("min_driver", "the oldest driver that the application itself accepts"),
    FactType("min_compute_capability", "the lowest compute capability that its libraries accept"),
    FactType("min_gpu_memory_bytes", "the least GPU memory that the application itself accepts"),
    FactType("min_shared_memory_bytes", "the least shared memory (/dev/shm) that it runs with"),
    FactType("min_gpus", "how many GPUs it uses at least"),
    FactType("needs_driver", "whether it needs the GPU's driver without using CUDA"),
    FactType("end_of_life", "the last day on which it is maintained"),
)
FACT_NAMES = tuple(fact.name for fact in FACTS)
