"""The tables that the rules use: CSV files, each row with its source, and their loader.

They are files because they change more often than the program, and tables because a rule that has its facts in its
code cannot be checked against the document that they come from.
"""

import datetime
import itertools
from functools import lru_cache
from pathlib import Path

from bayplan.domain.compatibility.tables.gpu_models import NamedGpu
from bayplan.domain.compatibility.tables.library_rows import (
    ArchList,
    LibraryMinimum,
    PypiBuild,
    RuntimeCompiler,
    load_arch_lists,
    load_library_minimums,
    load_pypi_builds,
    load_runtime_compilers,
)
from bayplan.domain.compatibility.tables.loader import Row, check_folder, parsed, read_rows, table_path, whole, yes
from bayplan.domain.compatibility.tables.lookups import Tables
from bayplan.domain.compatibility.tables.machine_rows import AmdgpuDriver, GfxTarget, ToolkitFault
from bayplan.domain.compatibility.tables.machines import MachineTables, load_machines
from bayplan.domain.compatibility.tables.rows import (
    Capability,
    CompatBranch,
    CompatBrands,
    CudaRelease,
    DriverBranch,
    Family,
    Generation,
)
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion
from bayplan.errors import CannotStart, Invalid

__all__ = [
    "AmdgpuDriver",
    "ArchList",
    "Capability",
    "CompatBranch",
    "CompatBrands",
    "CudaRelease",
    "DriverBranch",
    "Family",
    "Generation",
    "GfxTarget",
    "LibraryMinimum",
    "MachineTables",
    "NamedGpu",
    "PypiBuild",
    "RuntimeCompiler",
    "Tables",
    "ToolkitFault",
    "load",
    "read_rows",
]


@lru_cache(maxsize=8)
def load(folder: Path | None = None) -> Tables:
    """The tables; a file in `folder` replaces the shipped one of the same name.

    Raises CannotStart, with file and line, for an invalid table, and for a folder that does not exist. Read once for each folder.
    """
    check_folder(folder)
    generations = parsed(
        table_path("generations.csv", folder),
        ("name", "min_compute_capability", "max_compute_capability", "rank", "source"),
        _generation,
        lambda row: row.name,
    )
    _refuse_overlaps(table_path("generations.csv", folder), generations)
    capabilities = parsed(
        table_path("compute_capability.csv", folder),
        ("compute_capability", "generation", "first_cuda", "last_cuda", "last_driver_branch", "tegra", "source"),
        _capability,
        lambda row: row.capability,
    )
    return Tables(
        cuda=parsed(
            table_path("cuda.csv", folder),
            ("version", "full_version", "min_driver", "source"),
            _cuda,
            lambda row: row.full_version,
        ),
        generations=generations,
        families=parsed(
            table_path("families.csv", folder),
            ("cuda_major", "min_driver", "source"),
            lambda row: Family(whole(row["cuda_major"]), DriverVersion.parse(row["min_driver"]), row["source"]),
            lambda row: row.cuda_major,
        ),
        capabilities=capabilities,
        driver_branches=parsed(
            table_path("driver_branch_cuda.csv", folder),
            ("driver_branch", "max_cuda", "source"),
            _driver_branch,
            lambda row: row.branch,
        ),
        compat_branches=parsed(
            table_path("compat_branches.csv", folder),
            ("cuda", "driver_branch", "source"),
            lambda row: CompatBranch(CudaVersion.parse(row["cuda"]), whole(row["driver_branch"]), row["source"]),
            lambda row: (row.cuda, row.driver_branch),
        ),
        compat_brands=parsed(
            table_path("compat_brands.csv", folder),
            ("first_cuda", "brands", "source"),
            lambda row: CompatBrands(
                CudaVersion.parse(row["first_cuda"]), frozenset(row["brands"].casefold().split()), row["source"]
            ),
            lambda row: row.first_cuda,
        ),
        arch_lists=load_arch_lists(folder),
        pypi_builds=load_pypi_builds(folder),
        runtime_compilers=load_runtime_compilers(folder),
        library_minimums=load_library_minimums(folder),
        machines=load_machines(folder, capabilities),
    )


def _cuda(row: Row) -> CudaRelease:
    full = CudaVersion.parse(row["full_version"])
    if CudaVersion.parse(row["version"]).release != full.release:
        raise Invalid(f"{row['full_version']} is not a release of CUDA {row['version']}.")
    driver = row["min_driver"] or None
    if driver is not None:
        DriverVersion.parse(driver)
    return CudaRelease(row["version"], row["full_version"], driver, row["source"])


def _generation(row: Row) -> Generation:
    low, high = row["min_compute_capability"], row["max_compute_capability"]
    if not ComputeCapability.parse(low) < ComputeCapability.parse(high):
        raise Invalid(f"the range from {low} to {high} is empty.")
    return Generation(row["name"], low, high, whole(row["rank"]), row["source"])


def _refuse_overlaps(path: Path, generations: tuple[Generation, ...]) -> None:
    for older, newer in itertools.pairwise(sorted(generations, key=lambda generation: generation.low)):
        if newer.low < older.high:
            raise CannotStart(f"{path}: the ranges of {older.name} and {newer.name} overlap.")


def _capability(row: Row) -> Capability:
    return Capability(
        capability=ComputeCapability.parse(row["compute_capability"]),
        generation=row["generation"],
        first_cuda=CudaVersion.parse(row["first_cuda"]),
        last_cuda=CudaVersion.parse(row["last_cuda"]) if row["last_cuda"] else None,
        last_driver_branch=whole(row["last_driver_branch"]) if row["last_driver_branch"] else None,
        tegra=yes(row["tegra"] or "no"),
        source=row["source"],
    )


def _driver_branch(row: Row) -> DriverBranch:
    end_of_life = row.get("end_of_life")
    return DriverBranch(
        branch=whole(row["driver_branch"]),
        max_cuda=CudaVersion.parse(row["max_cuda"]),
        source=row["source"],
        designation=row.get("designation") or None,
        end_of_life=datetime.date.fromisoformat(end_of_life) if end_of_life else None,
    )
