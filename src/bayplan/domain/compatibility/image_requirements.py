"""The requirements of an image on a node, parsed once.

Texts become versions and conditions here, so that the rules only compare; a text that cannot be read counts as
unknown. The index keeps one `ImageRequirements` for all images that are equal.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from bayplan.domain.compatibility.gfx import is_target
from bayplan.domain.compatibility.image import FRAMEWORK, Image
from bayplan.domain.compatibility.kernels import Kernel, parse_kernels
from bayplan.domain.compatibility.start_conditions import StartCondition, conditions_of
from bayplan.domain.compatibility.tables import Generation, Tables
from bayplan.domain.compatibility.tables.machine_rows import RocmVersion
from bayplan.domain.compatibility.tables.machines import rocm_version
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

_PLATFORMS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


def platform(text: str) -> str:
    """The architecture in OCI's spelling, from that of OCI or of `uname -m`; "linux/arm64/v8" is arm64."""
    parts = text.strip().lower().split("/")
    name = parts[1] if len(parts) > 1 and parts[0] == "linux" else parts[0]
    return _PLATFORMS.get(name, name)


@dataclass(frozen=True)
class FrameworkBuild:
    """The GPUs that the framework in the image was compiled for, and the source of that."""

    texts: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    source: str


@dataclass(frozen=True, eq=False)
class ImageRequirements:
    """The requirements of an image, parsed against the tables. Compared by identity: equal images share one in the index."""

    declared: Image
    tables: Tables

    def on(self, architecture: str | None) -> "ImageRequirements":
        """The requirements on nodes of that architecture, which may differ from the image's own."""
        return self.by_architecture.get(architecture, self) if architecture is not None else self

    @cached_property
    def by_architecture(self) -> "dict[str, ImageRequirements]":
        """The requirements on architectures where the image's facts differ."""
        return {platform(name): ImageRequirements(image, self.tables) for name, image in self.declared.by_architecture}

    @cached_property
    def uses_gpu(self) -> bool:
        """Whether it is for GPUs; an image with `cpu` that names neither CUDA nor another accelerator is not."""
        image = self.declared
        named = image.accelerator is not None or self.accelerator == "rocm" or self.framework_accelerator is not None
        return named or image.cuda is not None or not image.cpu or image.needs_driver is True

    @cached_property
    def needs_driver_only(self) -> bool:
        """Whether it needs the GPU's driver and no CUDA, as video encoders do."""
        return self.declared.needs_driver is True and self.declared.cuda is None and self.framework_accelerator is None

    @cached_property
    def falls_back_to_cpu(self) -> bool:
        """Whether it runs without a GPU where it cannot use the node's; images for ROCm and the like are never used so."""
        return self.declared.cpu and self.accelerator in (None, "cuda") and self.declared.needs_driver is not True

    @cached_property
    def accelerator(self) -> str | None:
        """The kind of GPU that it is for: as declared, else what its other facts say; None where nothing says any."""
        image = self.declared
        if image.accelerator is not None:
            return image.accelerator
        targets = [text for _, texts in image.kernel_architectures or () for text in texts]
        if image.rocm_version is not None or self.framework_accelerator == "rocm" or any(map(is_target, targets)):
            return "rocm"
        cuda = self.framework_accelerator, image.cuda, image.compat_package, targets or None
        return "cuda" if any(fact is not None for fact in cuda) else None

    @cached_property
    def framework_accelerator(self) -> str | None:
        """The kind of GPU that its framework was built for, by "+cu130" or "+rocm6.3" in its version, or by its CUDA."""
        local = (self.declared.framework_version or "").partition("+")[2].casefold()
        if local.startswith("rocm"):
            return "rocm"
        return "cuda" if local.startswith("cu") or self.declared.framework_cuda is not None else None

    @cached_property
    def rocm(self) -> RocmVersion | None:
        """Its ROCm release: as declared, else by "+rocm6.3" in its framework's version."""
        local = (self.declared.framework_version or "").partition("+")[2].casefold()
        own = local.removeprefix("rocm") if local.startswith("rocm") else None
        return rocm_version(self.declared.rocm_version) or rocm_version(own)

    @cached_property
    def platforms(self) -> tuple[str, ...]:
        """The architectures that it is built for; empty where unknown."""
        return tuple(platform(text) for text in self.declared.architectures or ())

    @cached_property
    def cuda(self) -> CudaVersion | None:
        """Its CUDA release."""
        return read(CudaVersion.parse, self.declared.cuda)

    @cached_property
    def ships_with(self) -> DriverVersion | None:
        """The driver that its CUDA release ships with."""
        return None if self.cuda is None else self.tables.min_driver(self.cuda)

    @cached_property
    def floor(self) -> DriverVersion | None:
        """The oldest driver for minor-version compatibility with its CUDA; None before CUDA 11."""
        return None if self.cuda is None else self.tables.floors.get(self.cuda.major)

    @cached_property
    def smallest_driver(self) -> DriverVersion | None:
        """The oldest driver that runs it without the forward-compatibility package."""
        return None if self.cuda is None else self.tables.smallest_driver(self.cuda)

    @cached_property
    def min_generation(self) -> Generation | None:
        """The GPU generation that it requires, where the tables have it."""
        return None if self.declared.min_generation is None else self.tables.generation(self.declared.min_generation)

    @cached_property
    def own_driver(self) -> DriverVersion | None:
        """The driver that the application itself requires."""
        return read(DriverVersion.parse, self.declared.min_driver)

    @cached_property
    def own_capability(self) -> ComputeCapability | None:
        """The compute capability that its libraries require."""
        return read(ComputeCapability.parse, self.declared.min_compute_capability)

    @cached_property
    def has_compat(self) -> bool:
        """Whether it carries the forward-compatibility package; False where unknown."""
        return self.declared.compat_package is not None or self.compat_on_loader_path is True

    @cached_property
    def compat_on_loader_path(self) -> bool | None:
        """Whether the loader finds that package's libraries before the driver's; None where that depends on more, or unknown."""
        return {"always": True, "never": False}.get(self.declared.compat_activation or "")

    @cached_property
    def compat_cuda(self) -> CudaVersion | None:
        """The CUDA release of that package; the image's where the package does not name it."""
        package = self.declared.compat_package
        return (read(CudaVersion.parse, package.cuda) if package is not None else None) or self.cuda

    @cached_property
    def compat_driver(self) -> DriverVersion | None:
        """The version of that package's libcuda, or its branch; that of its CUDA release where unnamed."""
        package = self.declared.compat_package
        own = read(DriverVersion.parse, package.driver) if package is not None else None
        return own or (self.tables.min_driver(self.compat_cuda) if self.compat_cuda is not None else None)

    @cached_property
    def conditions(self) -> tuple[tuple[StartCondition, ...], str | None]:
        """Its start conditions, and an invalid CUDA_VERSION; neither where conditions are switched off or unknown."""
        if self.declared.requirements is None or self.declared.disable_require is True:
            return (), None
        return conditions_of(self.declared.requirements)

    def build(self, architecture: str | None) -> FrameworkBuild | None:
        """Its kernels on a node of that architecture: its own fact, else the table's; None where unknown."""
        if self.own_build is not None:
            return self.own_build
        only = self.platforms[0] if len(self.platforms) == 1 else None
        return self._table_builds[(architecture or only or "amd64") == "arm64"]

    @cached_property
    def builds(self) -> tuple[FrameworkBuild | None, ...]:
        """All results that `build` may have: its own fact, else the table's on amd64, on arm64 and on an unknown architecture."""
        own = self.own_build
        return (own,) if own is not None else (*self._table_builds, self.build(None))

    @cached_property
    def own_build(self) -> FrameworkBuild | None:
        """The kernels by its own fact; None where unknown."""
        libraries = self.declared.kernel_architectures
        if not libraries:
            return None
        texts = dict(libraries).get(FRAMEWORK, libraries[0][1])
        kernels = parse_kernels(texts)
        return FrameworkBuild(texts, kernels, "the image's kernel_architectures") if kernels or not texts else None

    @cached_property
    def _table_builds(self) -> tuple[FrameworkBuild | None, FrameworkBuild | None]:
        return self._table_build("amd64"), self._table_build("arm64")

    def _table_build(self, architecture: str) -> FrameworkBuild | None:
        image = self.declared
        row = self.tables.arch_list(image.framework, image.framework_version, image.cuda, architecture)
        if row is None:
            return None
        return FrameworkBuild(row.kernel_architectures, parse_kernels(row.kernel_architectures), row.source)


@dataclass(frozen=True, slots=True)
class DerivedFact:
    """A value that a rule derives from several fields of an image; the rule gives equal images the same result."""

    fields: tuple[str, ...]
    read: Callable[[ImageRequirements], Hashable]


_ACCELERATOR_FIELDS = (
    "accelerator",
    "rocm_version",
    "kernel_architectures",
    "cuda",
    "framework_version",
    "framework_cuda",
    "compat_package",
)
_GPU_FIELDS = (*_ACCELERATOR_FIELDS, "cpu", "needs_driver")

DERIVED_FACTS: Mapping[str, DerivedFact] = {
    "uses_gpu": DerivedFact(_GPU_FIELDS, lambda requirements: requirements.uses_gpu),
    "falls_back_to_cpu": DerivedFact(_GPU_FIELDS, lambda requirements: requirements.falls_back_to_cpu),
    "needs_driver_only": DerivedFact(
        ("needs_driver", "cuda", "framework_version", "framework_cuda"),
        lambda requirements: requirements.needs_driver_only,
    ),
    "rocm": DerivedFact(("rocm_version", "framework_version"), lambda requirements: requirements.rocm),
    "accelerator": DerivedFact(_ACCELERATOR_FIELDS, lambda requirements: requirements.accelerator),
    "framework_accelerator": DerivedFact(
        ("framework_version", "framework_cuda"), lambda requirements: requirements.framework_accelerator
    ),
    "builds": DerivedFact(
        ("kernel_architectures", "framework", "framework_version", "cuda", "architectures"),
        lambda requirements: requirements.builds,
    ),
}
"""Facts that rules may declare besides the fields of `Image`."""


def fact_reader(names: tuple[str, ...]) -> Callable[[ImageRequirements], Hashable]:
    """The function that reads these facts of an image, as a key for comparison."""
    readers = [DERIVED_FACTS[name].read if name in DERIVED_FACTS else attrgetter(f"declared.{name}") for name in names]
    return readers[0] if len(readers) == 1 else lambda requirements: tuple([read(requirements) for read in readers])


def image_fields(facts: Iterable[str]) -> frozenset[str]:
    """The fields of `Image` that these facts depend on."""
    return frozenset(
        field for name in facts for field in (DERIVED_FACTS[name].fields if name in DERIVED_FACTS else (name,))
    )
