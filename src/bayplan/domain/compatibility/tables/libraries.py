"""The tables about libraries: for which GPUs their builds have code, what they compile while they run, and what GPU they need.

A library goes by the name of its project, whatever the case, with `-`, `.` and blanks for `_`; its packages are aliases of it.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from bayplan.domain.compatibility.tables.library_rows import ArchList, LibraryMinimum, PypiBuild, RuntimeCompiler

LibraryRow = TypeVar("LibraryRow", ArchList, PypiBuild, RuntimeCompiler, LibraryMinimum)

_LOCAL_CUDA = re.compile(r"cu(?:da)?([0-9]{2})([0-9])?", re.ASCII)
_OLD_LOCAL_CUDA = re.compile(r"cu([0-9])([0-9])", re.ASCII)
_LOCAL_ROCM = re.compile(r"rocm(?:([0-9]{1,2}\.[0-9]{1,2})|(6\.2)\.4)", re.ASCII)
"""The label of PyTorch's own builds; those of AMD name a patch of ROCm and mostly a commit, and have other targets."""
_CUDA = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4})(?:\..*)?)?", re.ASCII)
_NGC_RELEASE = re.compile(r"(?:^|\.)nv([0-9]{2}\.[0-9]{1,2})(?:\.|$)", re.ASCII)
_ALIASES = {
    "torch": "pytorch",
    "tf": "tensorflow",
    "tensorflow_gpu": "tensorflow",
    "jaxlib": "jax",
    "onnx_runtime": "onnxruntime",
    "onnxruntime_gpu": "onnxruntime",
    "flashattention": "flash_attn",
    "flash_attention": "flash_attn",
}
_PACKAGES_BY_CUDA = re.compile(r"(jax|cupy|tensorrt)_(?:cuda|cu)([0-9]{2})x?(?:_[a-z]+)?", re.ASCII)


def library_name(text: str) -> str:
    """The name by which the tables know a library, from that of its project or package: "pytorch" for "torch"."""
    name = re.sub(r"[-_.\s]+", "_", text.strip()).casefold()
    by_cuda = _PACKAGES_BY_CUDA.fullmatch(name)
    return by_cuda[1] if by_cuda is not None else _ALIASES.get(name, name)


@dataclass(frozen=True, eq=False)
class LibraryTables:
    """The tables about libraries, and the lookups in them."""

    arch_lists: tuple[ArchList, ...]
    pypi_builds: tuple[PypiBuild, ...]
    runtime_compilers: tuple[RuntimeCompiler, ...]
    library_minimums: tuple[LibraryMinimum, ...]

    def arch_list(
        self, framework: str | None, version: str | None, cuda: str | None, architecture: str | None = None
    ) -> ArchList | None:
        """The capabilities that the published build of a library was compiled for; None where it is not listed.

        A local version such as "2.4.0+cu121" names the build's own CUDA, which need not be the image's; builds with
        such a label that differ from the one on PyPI are listed under "PyTorch +cu", those for ROCm under
        "PyTorch +rocm" with its release in the place of the CUDA's. One such as
        "2.6.0a0+ecf3bae40a.nv25.01" is NVIDIA's own build, "NGC PyTorch". Where nothing names a CUDA, there is a result
        only if all builds of the version agree.
        """
        parsed = _version(version)
        if framework is None or parsed is None:
            return None
        name, release = library_name(framework), _local_cuda(parsed)
        ngc = _NGC_RELEASE.search(parsed.local or "")
        if ngc is not None:
            # NVIDIA's own build is listed by the release of its image, which has one CUDA.
            return _agreed(self._builds(f"ngc_{name}", Version(ngc[1]), architecture), _cuda_numbers(cuda))
        if (parsed.local or "").startswith("rocm"):
            label = _LOCAL_ROCM.fullmatch(parsed.local or "")
            if label is None or parsed.is_devrelease:
                return None
            builds = self._builds(f"{name}_+rocm", _released(parsed), architecture)
            return _agreed(builds, _cuda_numbers(label[1] or label[2]))
        public = _released(parsed)
        labelled = self._builds(f"{name}_+cu", public, architecture) if release is not None else []
        release = release or _cuda_numbers(cuda)
        return _agreed(labelled, release) or _agreed(self._builds(name, public, architecture), release)

    def _builds(self, name: str, version: Version, architecture: str | None) -> list[ArchList]:
        rows = _of_version(self._arch_lists.get(name, ()), version)
        return [row for row in rows if row.architecture == (architecture or "amd64")]

    def pypi_build(self, library: str, version: str, architecture: str | None = None) -> PypiBuild | None:
        """The build of a version that PyPI has, which a version without a local part names where pip installed it."""
        parsed = _version(version)
        if parsed is None or parsed.local is not None:
            return None
        rows = _of_version(self._pypi_builds.get(library_name(library), ()), parsed)
        return next((row for row in rows if row.architecture == (architecture or "amd64")), None)

    def pypi_cuda(self, library: str, version: str) -> str | None:
        """The CUDA release of what PyPI has of a version, where its wheels for amd64 and arm64 are known and of the same."""
        releases = [self.pypi_build(library, version, architecture) for architecture in ("amd64", "arm64")]
        named = {None if build is None else build.cuda for build in releases}
        return next(iter(named)) if len(named) == 1 else None

    def runtime_compiler(self, library: str | None, version: str | None) -> RuntimeCompiler | None:
        """What a library compiles while it runs, and with which compiler; None where it is not listed."""
        return _first_of_version(self._runtime_compilers, library, version)

    def library_minimum(self, library: str | None, version: str | None) -> LibraryMinimum | None:
        """The lowest compute capability that a library accepts; None where it is not listed."""
        return _first_of_version(self._library_minimums, library, version)

    def facts(self, library: str | None, version: str | None) -> dict[str, str]:
        """The facts of an image that follow from the version of its framework, beside its kernels."""
        compiler, minimum = self.runtime_compiler(library, version), self.library_minimum(library, version)
        facts: dict[str, str] = {} if compiler is None else {"compiles_at_runtime": compiler.compiles_at_runtime}
        if compiler is not None and compiler.compiler_cuda is not None:
            facts["compiler_cuda"] = str(compiler.compiler_cuda)
        return facts | ({} if minimum is None else {"min_compute_capability": str(minimum.min_compute_capability)})

    @cached_property
    def _arch_lists(self) -> dict[str, list[ArchList]]:
        return _by_library(self.arch_lists)

    @cached_property
    def _pypi_builds(self) -> dict[str, list[PypiBuild]]:
        return _by_library(self.pypi_builds)

    @cached_property
    def _runtime_compilers(self) -> dict[str, list[RuntimeCompiler]]:
        return _by_library(self.runtime_compilers)

    @cached_property
    def _library_minimums(self) -> dict[str, list[LibraryMinimum]]:
        return _by_library(self.library_minimums)


def _agreed(rows: list[ArchList], release: tuple[int, ...] | None) -> ArchList | None:
    """The build for a CUDA release; "13" is of every release of 13, as far as their builds agree."""
    if release is not None:
        fitting = [row for row in rows if row.cuda[: len(release)] == release[: len(row.cuda)]]
        rows = [row for row in fitting if row.cuda == release] or fitting
    return rows[0] if len({row.kernel_architectures for row in rows}) == 1 else None


def _by_library(rows: tuple[LibraryRow, ...]) -> dict[str, list[LibraryRow]]:
    by_name: dict[str, list[LibraryRow]] = {}
    for row in rows:
        by_name.setdefault(library_name(row.library), []).append(row)
    return by_name


def _first_of_version(rows: dict[str, list[LibraryRow]], library: str | None, version: str | None) -> LibraryRow | None:
    parsed = _version(version)
    if library is None or parsed is None:
        return None
    return next(iter(_of_version(rows.get(library_name(library), ()), parsed)), None)


def _of_version(rows: "list[LibraryRow] | tuple[()]", version: Version) -> list[LibraryRow]:
    public = _released(version)
    return [row for row in rows if row.versions.contains(public, prereleases=True)]


def _version(text: str | None) -> Version | None:
    try:
        # llama.cpp counts its builds: "b7588".
        return None if text is None else Version(re.sub(r"^b(?=[0-9]+$)", "", text.strip()))
    except InvalidVersion:
        return None


def _released(version: Version) -> Version:
    """The public version; that of the release for a release candidate, which is built as its release."""
    return Version(version.base_version if version.is_prerelease else version.public)


def _local_cuda(version: Version) -> tuple[int, ...] | None:
    """The CUDA in a local version: (12, 1) for "cu121", (9, 2) for "cu92", (12,) for "cuda12.cudnn89"."""
    first = (version.local or "").split(".")[0]
    if (numbers := _LOCAL_CUDA.fullmatch(first)) and numbers[1][0] in "123":
        return _numbers(numbers)
    older = _OLD_LOCAL_CUDA.fullmatch(first)
    return None if older is None else _numbers(older)


def _cuda_numbers(text: str | None) -> tuple[int, ...] | None:
    numbers = _CUDA.fullmatch((text or "").strip())
    return None if numbers is None else _numbers(numbers)


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(number) for number in match.groups() if number is not None)
