"""What an image wants, parsed once: the image's side of a judgement.

Texts become versions and requirements here, so that the rules only compare; a text that cannot be read counts as not
known. A catalogue keeps one `Wanted` for all images with equal needs.
"""

from dataclasses import dataclass
from functools import cached_property

from bayplan.domain.image import Image
from bayplan.domain.kernels import Kernel, parse_kernels
from bayplan.domain.requirement import Requirement, conditions_of
from bayplan.domain.tables import Generation, Tables
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read

_PLATFORMS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


def platform(text: str) -> str:
    """An architecture as OCI writes it, from that or from what `uname -m` says; "linux/arm64/v8" is arm64."""
    parts = text.strip().lower().split("/")
    name = parts[1] if len(parts) > 1 and parts[0] == "linux" else parts[0]
    return _PLATFORMS.get(name, name)


@dataclass(frozen=True)
class Build:
    """For which GPUs the framework in the image was compiled, and who says so."""

    texts: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    source: str


@dataclass(frozen=True)
class Wanted:
    """An image with its needs parsed against the tables."""

    image: Image
    tables: Tables

    def on(self, architecture: str | None) -> "Wanted":
        """What it wants on workers of that architecture, where it says something else for those."""
        return self._others.get(architecture, self) if architecture is not None else self

    @cached_property
    def _others(self) -> "dict[str, Wanted]":
        return {platform(name): Wanted(image, self.tables) for name, image in self.image.by_architecture}

    @cached_property
    def uses_gpu(self) -> bool:
        """Whether it is made for GPUs; one with `cpu` and no CUDA is not."""
        return self.image.cuda is not None or not self.image.cpu

    @cached_property
    def platforms(self) -> tuple[str, ...]:
        """The architectures that it is built for; empty where not known."""
        return tuple(platform(text) for text in self.image.architectures or ())

    @cached_property
    def cuda(self) -> CudaVersion | None:
        """Its CUDA release."""
        return read(CudaVersion.parse, self.image.cuda)

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
        return None if self.image.min_generation is None else self.tables.generation(self.image.min_generation)

    @cached_property
    def own_driver(self) -> DriverVersion | None:
        """The driver that the application itself asks for."""
        return read(DriverVersion.parse, self.image.min_driver)

    @cached_property
    def own_capability(self) -> ComputeCapability | None:
        """The compute capability that its libraries ask for."""
        return read(ComputeCapability.parse, self.image.min_compute_capability)

    @cached_property
    def has_compat(self) -> bool:
        """Whether it is known to carry the forward-compatibility package."""
        return self.image.compat_package is not None or self.image.compat_on_loader_path is True

    @cached_property
    def compat_cuda(self) -> CudaVersion | None:
        """The CUDA release of that package; that of the image where it does not say."""
        package = self.image.compat_package
        return (read(CudaVersion.parse, package.cuda) if package is not None else None) or self.cuda

    @cached_property
    def compat_driver(self) -> DriverVersion | None:
        """The version of that package's libcuda, or its branch; that of its CUDA release where it does not say."""
        package = self.image.compat_package
        own = read(DriverVersion.parse, package.driver) if package is not None else None
        return own or (self.tables.min_driver(self.compat_cuda) if self.compat_cuda is not None else None)

    @cached_property
    def conditions(self) -> tuple[tuple[Requirement, ...], str | None]:
        """Its start conditions, and the CUDA_VERSION that is none; neither where they are switched off or unknown."""
        if self.image.requirements is None or self.image.disable_require is True:
            return (), None
        return conditions_of(self.image.requirements)

    def build(self, architecture: str | None) -> Build | None:
        """Its kernels on a worker of that architecture: its own fact, else the table's; None where not known."""
        if self._own_build is not None:
            return self._own_build
        only = self.platforms[0] if len(self.platforms) == 1 else None
        return self._table_builds[(architecture or only or "amd64") == "arm64"]

    @cached_property
    def _own_build(self) -> Build | None:
        texts = self.image.kernel_architectures
        if texts is None:
            return None
        kernels = parse_kernels(texts)
        return Build(texts, kernels, "the image's kernel_architectures") if kernels or not texts else None

    @cached_property
    def _table_builds(self) -> tuple[Build | None, Build | None]:
        return self._table_build("amd64"), self._table_build("arm64")

    def _table_build(self, architecture: str) -> Build | None:
        image = self.image
        row = self.tables.arch_list(image.framework, image.framework_version, image.cuda, architecture)
        if row is None:
            return None
        return Build(row.kernel_architectures, parse_kernels(row.kernel_architectures), row.source)
