"""The requirements of an image on a node, parsed once.

Texts become versions and conditions here, so that the rules only compare; a text that cannot be read counts as
unknown. The index keeps one `ImageRequirements` for all images that are equal.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from bayplan.domain.compatibility.framework_label import FrameworkLabel, framework_label
from bayplan.domain.compatibility.gfx import amd_code, is_target
from bayplan.domain.compatibility.image import FRAMEWORK, Image, KernelArchitectures, RuntimeCompilation
from bayplan.domain.compatibility.kernels import parse_kernels
from bayplan.domain.compatibility.library_build import Builds, LibraryBuild
from bayplan.domain.compatibility.platform import platform
from bayplan.domain.compatibility.start_conditions import StartCondition, conditions_of
from bayplan.domain.compatibility.tables import Generation, LibraryMinimum, RuntimeCompiler, Tables
from bayplan.domain.compatibility.tables.libraries import library_name
from bayplan.domain.compatibility.tables.machine_rows import RocmVersion
from bayplan.domain.compatibility.tables.machines import rocm_version
from bayplan.domain.once import once
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, parse_cuda_family, read

_XLA = frozenset({"jax", "tensorflow", "xla"})


@dataclass(frozen=True, eq=False)
class ImageRequirements:
    """The requirements of an image, parsed against the tables. Compared by identity: equal images share one in the index."""

    declared: Image
    tables: Tables

    def on(self, architecture: str | None) -> "ImageRequirements":
        """The requirements on nodes of that architecture, which may differ from the image's own."""
        return self.by_architecture.get(architecture, self) if architecture is not None else self

    @once
    def by_architecture(self) -> "dict[str, ImageRequirements]":
        """The requirements on architectures where the image's facts differ."""
        return {platform(name): ImageRequirements(image, self.tables) for name, image in self.declared.by_architecture}

    @once
    def label(self) -> FrameworkLabel:
        """What its framework's version says of the build."""
        return framework_label(self.declared.framework_version)

    @once
    def is_cpu_build(self) -> bool:
        """Whether its framework was built without a GPU, and nothing else in it is known to use one."""
        image = self.declared
        others = image.framework_cuda, image.rocm_version, image.needs_driver or None
        libraries = image.kernel_architectures or ()
        for_gpu = any(fact is not None for fact in others) or any(texts for _, texts in libraries)
        return self.label.cpu and not for_gpu and image.accelerator in (None, "cuda")

    @once
    def amd_code(self) -> KernelArchitectures | None:
        """The targets of AMD's GPUs that its libraries were built for, as the tables know those of its framework's build."""
        return amd_code(self.declared, self.tables)

    @once
    def works_on_cpu(self) -> bool:
        """Whether it runs without a GPU."""
        return self.declared.cpu or self.is_cpu_build

    @once
    def uses_gpu(self) -> bool:
        """Whether it is for GPUs; an image with `cpu` that names neither CUDA nor another accelerator is not."""
        image = self.declared
        if self.is_cpu_build:
            return False
        named = image.accelerator is not None or self.accelerator == "rocm" or self.framework_accelerator is not None
        return named or image.cuda is not None or not image.cpu or image.needs_driver is True

    @once
    def needs_driver_only(self) -> bool:
        """Whether it needs the GPU's driver and no CUDA, as video encoders do."""
        return self.declared.needs_driver is True and self.declared.cuda is None and self.framework_accelerator is None

    @once
    def built_for_tegra(self) -> bool:
        """Whether all its kernels are for capabilities that only Jetson boards have; False where they are not known."""
        libraries = self.declared.kernel_architectures or ()
        kernels = [parse_kernels(texts) for _, texts in libraries]
        return bool(kernels) and all(
            bool(built) and all(kernel.capability in self.tables.tegra for kernel in built) for built in kernels
        )

    @once
    def falls_back_to_cpu(self) -> bool:
        """Whether it runs without a GPU where it cannot use the node's; images for ROCm and the like are never used so."""
        return self.works_on_cpu and self.accelerator in (None, "cuda") and self.declared.needs_driver is not True

    @once
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

    @once
    def framework_accelerator(self) -> str | None:
        """The kind of GPU that its framework was built for, by "+cu130" or "+rocm6.3" in its version, or by its CUDA."""
        if self.label.rocm is not None:
            return "rocm"
        return "cuda" if self.label.cuda is not None or self.declared.framework_cuda is not None else None

    @once
    def rocm(self) -> RocmVersion | None:
        """Its ROCm release: as declared, else by "+rocm6.3" in its framework's version."""
        return rocm_version(self.declared.rocm_version) or rocm_version(self.label.rocm)

    @once
    def platforms(self) -> tuple[str, ...]:
        """The architectures that it is built for; empty where unknown."""
        return tuple(platform(text) for text in self.declared.architectures or ())

    @once
    def cuda_text(self) -> str | None:
        """The CUDA that its framework was built with, where that is known; else that of its base.

        A framework's "12.8" on a base of 12.8.1 is the base's, which says more.
        """
        image = self.declared
        stated = read(parse_cuda_family, image.framework_cuda) is not None
        framework = image.framework_cuda if stated else self.label.cuda
        if framework is None or image.cuda is None:
            return framework or image.cuda
        return image.cuda if f"{image.cuda}.".startswith(f"{framework.strip()}.") else framework

    @once
    def cuda(self) -> CudaVersion | None:
        """That release; None too where only its major version is known."""
        return read(CudaVersion.parse, self.cuda_text)

    @once
    def cuda_major(self) -> int | None:
        """The major version of that CUDA, which is all that is known of "13"."""
        return read(parse_cuda_family, self.cuda_text)

    @once
    def cuda_name(self) -> str:
        """That release for a sentence: "13.0.1", or "13" where no more is known."""
        return str(self.cuda or self.cuda_major)

    @once
    def base_cuda(self) -> CudaVersion | None:
        """The CUDA release of its base, whose packages and variables it has."""
        return read(CudaVersion.parse, self.declared.cuda)

    @once
    def ships_with(self) -> DriverVersion | None:
        """The driver that its CUDA release ships with; the newest one listed for a patch that is newer than the tables."""
        return None if self.cuda is None else self.tables.min_driver(self.cuda)

    @once
    def has_newer_patch(self) -> bool:
        """Whether its CUDA release is a newer patch than the tables have: it may ship with a newer driver than theirs."""
        return self.cuda is not None and self.tables.has_only_older_patches(self.cuda)

    @once
    def floor(self) -> DriverVersion | None:
        """The oldest driver for minor-version compatibility with its CUDA; None before CUDA 11, and for an unknown family."""
        return None if self.cuda_major is None else self.tables.floors.get(self.cuda_major)

    @once
    def smallest_driver(self) -> DriverVersion | None:
        """The oldest driver that runs it without the forward-compatibility package."""
        if self.cuda is not None:
            return self.tables.smallest_driver(self.cuda)
        if self.cuda_major is None:
            return None
        return self.floor or min(self.tables.drivers_of_family(self.cuda_major), default=None)

    @once
    def min_generation(self) -> Generation | None:
        """The GPU generation that it requires, where the tables have it."""
        return None if self.declared.min_generation is None else self.tables.generation(self.declared.min_generation)

    @once
    def own_driver(self) -> DriverVersion | None:
        """The driver that the application itself requires."""
        return read(DriverVersion.parse, self.declared.min_driver)

    @once
    def own_capability(self) -> ComputeCapability | None:
        """The compute capability that its libraries require: its own fact, else the table's for its framework."""
        own = read(ComputeCapability.parse, self.declared.min_compute_capability)
        row = self._library_minimum
        return own if own is not None or row is None else row.min_compute_capability

    @once
    def own_capability_source(self) -> str:
        """What says so."""
        row = self._library_minimum if self.declared.min_compute_capability is None else None
        return "the image's min_compute_capability" if row is None else row.source

    @once
    def _library_minimum(self) -> LibraryMinimum | None:
        return self.tables.library_minimum(self.declared.framework, self.declared.framework_version)

    @once
    def has_compat(self) -> bool:
        """Whether it carries the forward-compatibility package; False where unknown."""
        return self.declared.compat_package is not None or self.declared.compat_activation not in (None, "never")

    @once
    def compat_cuda(self) -> CudaVersion | None:
        """The CUDA release of that package; that of the image's base where the package does not name it."""
        package = self.declared.compat_package
        return (read(CudaVersion.parse, package.cuda) if package is not None else None) or self.base_cuda

    @once
    def compat_driver(self) -> DriverVersion | None:
        """The version of that package's libcuda, or its branch; the branch of its CUDA release where neither is named.

        A package is rebuilt with each patch of its release, so the release does not say which driver of the branch it has.
        """
        package = self.declared.compat_package
        own = read(DriverVersion.parse, package.driver) if package is not None else None
        of_release = self.tables.min_driver(self.compat_cuda) if self.compat_cuda is not None else None
        return own or (None if of_release is None else DriverVersion.parse(str(of_release.branch)))

    @once
    def compat_reads_ptx(self) -> bool | None:
        """Whether that package's compiler takes the PTX of the framework's CUDA; None where that is not known."""
        if self.compat_cuda is None or self.cuda is None:
            return None
        return self.compat_cuda.release >= self.cuda.release

    @once
    def compat_facts(self) -> Hashable:
        """What decides how that package's libraries work on a node."""
        if not self.has_compat:
            return None
        return self.compat_cuda, self.compat_driver, self.declared.compat_activation, self.base_cuda

    @once
    def conditions(self) -> tuple[tuple[StartCondition, ...], str | None]:
        """Its start conditions, and an invalid CUDA_VERSION; neither where conditions are switched off or unknown."""
        if self.declared.requirements is None or self.declared.disable_require is True:
            return (), None
        return conditions_of(self.declared.requirements)

    @once
    def compiles_at_runtime(self) -> RuntimeCompilation | None:
        """What it compiles while it runs: its own fact, else the table's for its framework."""
        own, row = self.declared.compiles_at_runtime, self._runtime_compiler
        return own if own is not None or row is None else row.compiles_at_runtime

    @once
    def compiler_cuda(self) -> CudaVersion | None:
        """The CUDA release of the compiler in it that makes machine code while it runs: its own fact, else the table's."""
        own, row = read(CudaVersion.parse, self.declared.compiler_cuda), self._runtime_compiler
        return own if own is not None or row is None else row.compiler_cuda

    @once
    def _runtime_compiler(self) -> RuntimeCompiler | None:
        return self.tables.runtime_compiler(self.declared.framework, self.declared.framework_version)

    @once
    def has_xla(self) -> bool:
        """Whether XLA compiles in it, which falls back on the driver."""
        return library_name(self.declared.framework or FRAMEWORK) in _XLA

    def builds(self, architecture: str | None) -> Builds:
        """The builds of its libraries on a node of that architecture: its own facts, and the table's for its framework."""
        if self.has_own_framework_build:
            return self.own_builds
        only = self.platforms[0] if len(self.platforms) == 1 else None
        return self.own_builds + self._table_builds[(architecture or only or "amd64") == "arm64"]

    @once
    def all_builds(self) -> tuple[Builds, ...]:
        """All results that `builds` may have: its own facts, else the table's on amd64, on arm64 and on an unknown architecture."""
        if self.has_own_framework_build:
            return (self.own_builds,)
        return self.builds("amd64"), self.builds("arm64"), self.builds(None)

    @once
    def has_own_framework_build(self) -> bool:
        """Whether one of those is of its framework, so that no table has to say it."""
        names = {FRAMEWORK, library_name(self.declared.framework or FRAMEWORK)}
        return any(library_name(build.library) in names for build in self.own_builds)

    @once
    def own_builds(self) -> Builds:
        """The builds by its own facts: the libraries with a list that can be read.

        An empty list says that a library has no code for GPUs; one beside others that have is left out.
        """
        libraries = self.declared.kernel_architectures or ()
        builds = tuple(
            LibraryBuild(library, texts, kernels, "the image's kernel_architectures")
            for library, texts in libraries
            if (kernels := parse_kernels(texts)) or not texts
        )
        return tuple(build for build in builds if build.texts) or builds

    @once
    def _table_builds(self) -> tuple[Builds, Builds]:
        return self._table_build("amd64"), self._table_build("arm64")

    def _table_build(self, architecture: str) -> Builds:
        image = self.declared
        row = self.tables.arch_list(image.framework, image.framework_version, self.cuda_text, architecture)
        if row is None:
            return ()
        texts = row.kernel_architectures
        return (LibraryBuild(FRAMEWORK, texts, parse_kernels(texts), row.source),)


def without_read_facts(image: Image, tables: Tables) -> Image:
    """The image with less of its framework, and the same verdicts: more images are then equal.

    A framework matters only for its CUDA, for the lookup of the GPUs that it was built for, and for its compiler.
    """
    requirements = ImageRequirements(image, tables)
    if (
        image.framework is None
        or not requirements.has_own_framework_build
        or requirements.label.cpu
        or requirements.label.rocm
    ):
        return image
    framework = "xla" if requirements.has_xla and requirements.compiles_at_runtime == "cubin" else None
    of_cuda = requirements.framework_accelerator == "cuda" and requirements.cuda_text is not None
    cuda = requirements.cuda_text if of_cuda else image.framework_cuda
    compiler, capability = requirements.compiler_cuda, requirements.own_capability
    return replace(
        image,
        framework=framework,
        framework_version=None,
        framework_cuda=cuda,
        compiles_at_runtime=requirements.compiles_at_runtime,
        compiler_cuda=None if compiler is None else str(compiler),
        min_compute_capability=None if capability is None else str(capability),
    )
