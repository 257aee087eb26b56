"""The parsed rows of the tables about libraries, and their loader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bayplan.domain.compatibility.tables.loader import Row, parsed, table_path
from bayplan.domain.versions import ComputeCapability, CudaVersion
from bayplan.errors import Invalid


@dataclass(frozen=True, slots=True)
class ArchList:
    """The capabilities for which the published builds of a framework or another library were compiled.

    `cuda` is the release of the build as numbers: (12, 8), (12,) for any of CUDA 12, () for whatever the image has.
    """

    library: str
    versions: SpecifierSet
    cuda: tuple[int, ...]
    architecture: str
    kernel_architectures: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class PypiBuild:
    """The CUDA release of the build that PyPI has of a library's version; None for a build without CUDA."""

    library: str
    versions: SpecifierSet
    architecture: str
    cuda: str | None
    source: str


@dataclass(frozen=True, slots=True)
class RuntimeCompiler:
    """What a library compiles while it runs, and the CUDA release of the compiler that it brings (None: not its own)."""

    library: str
    versions: SpecifierSet
    compiles_at_runtime: Literal["ptx", "cubin"]
    compiler_cuda: CudaVersion | None
    source: str


@dataclass(frozen=True, slots=True)
class LibraryMinimum:
    """The lowest compute capability that a library accepts."""

    library: str
    versions: SpecifierSet
    min_compute_capability: ComputeCapability
    source: str


def load_arch_lists(folder: Path | None) -> tuple[ArchList, ...]:
    """The rows of `arch_lists.csv`."""
    columns = ("framework", "versions", "cuda", "architecture", "kernel_architectures", "source")
    return parsed(
        table_path("arch_lists.csv", folder),
        columns,
        _arch_list,
        lambda row: (row.library.casefold(), row.versions, row.cuda, row.architecture),
    )


def load_pypi_builds(folder: Path | None) -> tuple[PypiBuild, ...]:
    """The rows of `pypi_builds.csv`."""
    return parsed(
        table_path("pypi_builds.csv", folder),
        ("library", "versions", "architecture", "cuda", "source"),
        lambda row: PypiBuild(
            row["library"], _versions(row), row["architecture"], _cuda(row["cuda"]) or None, row["source"]
        ),
        lambda row: (row.library.casefold(), row.versions, row.architecture),
    )


def load_runtime_compilers(folder: Path | None) -> tuple[RuntimeCompiler, ...]:
    """The rows of `runtime_compilers.csv`."""
    return parsed(
        table_path("runtime_compilers.csv", folder),
        ("library", "versions", "compiles_at_runtime", "compiler_cuda", "source"),
        lambda row: RuntimeCompiler(
            row["library"],
            _versions(row),
            _compilation(row["compiles_at_runtime"]),
            CudaVersion.parse(row["compiler_cuda"]) if row["compiler_cuda"] else None,
            row["source"],
        ),
        lambda row: (row.library.casefold(), row.versions),
    )


def load_library_minimums(folder: Path | None) -> tuple[LibraryMinimum, ...]:
    """The rows of `library_minimums.csv`."""
    return parsed(
        table_path("library_minimums.csv", folder),
        ("library", "versions", "min_compute_capability", "source"),
        lambda row: LibraryMinimum(
            row["library"], _versions(row), ComputeCapability.parse(row["min_compute_capability"]), row["source"]
        ),
        lambda row: (row.library.casefold(), row.versions),
    )


def _arch_list(row: Row) -> ArchList:
    kernels = tuple(row["kernel_architectures"].split())
    for kernel in kernels:
        check_kernel(kernel)
    if not kernels:
        raise Invalid("the list of kernel architectures is empty.")
    cuda = tuple(int(number) for number in _cuda(row["cuda"]).split(".") if number)
    return ArchList(row["framework"], _versions(row), cuda[:2], row["architecture"], kernels, row["source"])


def check_kernel(text: str) -> None:
    """Raises Invalid for what is no kernel of a list: "8.6", "9.0a", "12.0+PTX", "compute_90", "gfx942"."""
    if text.startswith("gfx"):
        return
    if text.startswith("compute_") and text.removeprefix("compute_")[:-1].isdigit():
        return
    ComputeCapability.parse(text.removesuffix("+PTX").removesuffix("a").removesuffix("f"))


def _cuda(text: str) -> str:
    """A CUDA release, a major version alone, or nothing; raises Invalid for anything else."""
    if text and not text.isdigit():
        CudaVersion.parse(text)
    return text


def _versions(row: Row) -> SpecifierSet:
    try:
        return SpecifierSet(row["versions"])
    except InvalidSpecifier as error:
        raise Invalid(f"{row['versions']!r} is not a version specifier as pip writes it.") from error


def _compilation(text: str) -> Literal["ptx", "cubin"]:
    if text == "ptx":
        return "ptx"
    if text == "cubin":
        return "cubin"
    raise Invalid(f"{text!r} must be ptx or cubin.")
