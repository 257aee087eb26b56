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
    requirements: tuple[tuple[str, str], ...] | None = None
    """The NVIDIA_REQUIRE_* variables, sorted by name; an empty tuple means that there are none."""
    disable_require: bool | None = None
    compat_package: CompatLibraries | None = None
    compat_on_loader_path: bool | None = None
    kernel_architectures: tuple[str, ...] | None = None
    """The capabilities that code was built for, such as ("8.0", "9.0a", "12.0+PTX")."""
    compiles_at_runtime: bool | None = None
    min_driver: str | None = None
    min_compute_capability: str | None = None
    end_of_life: datetime.date | None = None
    deleted: bool = False
    withdrawn_reason: str | None = None
    """Staff's reason for taking it out of use; None while it is in use."""
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


FactKind = Literal["words", "requirements", "bool", "compat_package", "driver", "capability", "capabilities", "date"]


@dataclass(frozen=True, slots=True)
class FactType:
    """One fact of an image: its field in `Image`, the kind of its value, and what it means."""

    name: str
    kind: FactKind
    meaning: str


FACTS = (
    FactType("architectures", "words", "the platforms that its registry has it for, such as amd64 and arm64"),
    FactType(
        "requirements", "requirements", "its NVIDIA_REQUIRE_* variables, which the container runtime checks at start"
    ),
    FactType("disable_require", "bool", "whether it sets NVIDIA_DISABLE_REQUIRE, which switches that check off"),
    FactType("compat_package", "compat_package", "the forward-compatibility package in it: its CUDA and its driver"),
    FactType("compat_on_loader_path", "bool", "whether the loader finds that package's libraries before the driver's"),
    FactType("kernel_architectures", "capabilities", "the compute capabilities that its kernels were built for"),
    FactType("compiles_at_runtime", "bool", "whether it compiles kernels while it runs (numba, XLA, Triton, ...)"),
    FactType("min_driver", "driver", "the oldest driver that the application itself accepts"),
    FactType("min_compute_capability", "capability", "the lowest compute capability that its libraries accept"),
    FactType("end_of_life", "date", "the last day on which it is maintained"),
)
FACT_NAMES = tuple(fact.name for fact in FACTS)
