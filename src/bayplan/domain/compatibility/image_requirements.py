"""What an image wants, parsed once: the image's side of a judgement.

Texts become versions and requirements here, so that the rules only compare; a text that cannot be read counts as not
known. A catalogue keeps one `Wanted` for all images with equal needs.
"""

from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.kernels import Kernel, parse_kernels
from bayplan.domain.compatibility.start_conditions import StartCondition, conditions_of
from bayplan.domain.compatibility.tables import Generation, Tables
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

_PLATFORMS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


def platform(text: str) -> str:
    """An architecture as OCI writes it, from that or from what `uname -m` says; "linux/arm64/v8" is arm64."""
    parts = text.strip().lower().split("/")
    name = parts[1] if len(parts) > 1 and parts[0] == "linux" else parts[0]
    return _PLATFORMS.get(name, name)


@dataclass(frozen=True)
class FrameworkBuild:
    """For which GPUs the framework in the image was compiled, and who says so."""

    texts: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    source: str


@dataclass(frozen=True)
class ImageRequirements:
    """An image with its needs parsed against the tables."""

    declared: Image
    tables: Tables

    def on(self, architecture: str | None) -> "ImageRequirements":
        """What it wants on workers of that architecture, where it says something else for those."""
        return self._others.get(architecture, self) if architecture is not None else self

    @cached_property
    def _others(self) -> "dict[str, ImageRequirements]":
        return {platform(name): ImageRequirements(image, self.tables) for name, image in self.declared.by_architecture}

    @cached_property
    def uses_gpu(self) -> bool:
        """Whether it is made for GPUs; one with `cpu` and no CUDA is not."""
        return self.declared.cuda is not None or not self.declared.cpu

    @cached_property
    def platforms(self) -> tuple[str, ...]:
        """The architectures that it is built for; empty where not known."""
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
        """The generation that it asks for, where the tables have it."""
        return None if self.declared.min_generation is None else self.tables.generation(self.declared.min_generation)

    @cached_property
    def own_driver(self) -> DriverVersion | None:
        """The driver that the application itself asks for."""
        return read(DriverVersion.parse, self.declared.min_driver)

    @cached_property
    def own_capability(self) -> ComputeCapability | None:
        """The compute capability that its libraries ask for."""
        return read(ComputeCapability.parse, self.declared.min_compute_capability)

    @cached_property
    def has_compat(self) -> bool:
        """Whether it is known to carry the forward-compatibility package."""
        return self.declared.compat_package is not None or self.declared.compat_on_loader_path is True

    @cached_property
    def compat_cuda(self) -> CudaVersion | None:
        """The CUDA release of that package; that of the image where it does not say."""
        package = self.declared.compat_package
        return (read(CudaVersion.parse, package.cuda) if package is not None else None) or self.cuda

    @cached_property
    def compat_driver(self) -> DriverVersion | None:
        """The version of that package's libcuda, or its branch; that of its CUDA release where it does not say."""
        package = self.declared.compat_package
        own = read(DriverVersion.parse, package.driver) if package is not None else None
        return own or (self.tables.min_driver(self.compat_cuda) if self.compat_cuda is not None else None)

    @cached_property
    def conditions(self) -> tuple[tuple[StartCondition, ...], str | None]:
        """Its start conditions, and the CUDA_VERSION that is none; neither where they are switched off or unknown."""
        if self.declared.requirements is None or self.declared.disable_require is True:
            return (), None
        return conditions_of(self.declared.requirements)

    def build(self, architecture: str | None) -> FrameworkBuild | None:
        """Its kernels on a worker of that architecture: its own fact, else the table's; None where not known."""
        if self._own_build is not None:
            return self._own_build
        only = self.platforms[0] if len(self.platforms) == 1 else None
        return self._table_builds[(architecture or only or "amd64") == "arm64"]

    @cached_property
    def _own_build(self) -> FrameworkBuild | None:
        texts = self.declared.kernel_architectures
        if texts is None:
            return None
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
