"""The tables about machines, and the lookups in them."""

import datetime
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bayplan.domain.compatibility.tables.gpu_models import GpuNames, NamedGpu
from bayplan.domain.compatibility.tables.loader import Row, parsed, table_path, whole, yes
from bayplan.domain.compatibility.tables.machine_rows import (
    AmdgpuDriver,
    GfxTarget,
    GpuModel,
    L4tRelease,
    RocmRelease,
    RocmVersion,
    ToolkitFault,
)
from bayplan.domain.compatibility.tables.rows import Capability
from bayplan.domain.versions import ComputeCapability, CudaVersion, sort_key
from bayplan.errors import Invalid

_RELEASE = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})(?:[.-].*)?", re.ASCII)
_MODULE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)


def rocm_version(text: str | None) -> RocmVersion | None:
    """Major and minor of a ROCm release or of a driver's: (6, 3) for "6.3.2"; None for anything else."""
    parts = _RELEASE.fullmatch((text or "").strip())
    return None if parts is None else (int(parts[1]), int(parts[2]))


@dataclass(frozen=True, eq=False)
class MachineTables:
    """All tables about machines."""

    gpu_models: tuple[GpuModel, ...]
    gfx_targets: tuple[GfxTarget, ...]
    rocm: tuple[RocmRelease, ...]
    amdgpu_drivers: tuple[AmdgpuDriver, ...]
    l4t: tuple[L4tRelease, ...]
    toolkit_faults: tuple[ToolkitFault, ...]
    capabilities: tuple[Capability, ...]

    @cached_property
    def gpu_names(self) -> GpuNames:
        """The lookup of a GPU's name."""
        words = {row.capability: _words_of(row.generation) for row in self.capabilities}
        every = frozenset(word for generation in words.values() for word in generation)
        return GpuNames(self.gpu_models, lambda capability: words.get(capability, frozenset()), every)

    def named_gpu(self, name: str) -> NamedGpu:
        """What a GPU's name tells: its models' capabilities or targets, memory, class and brands."""
        return self.gpu_names.find(name)

    @cached_property
    def gfx(self) -> dict[str, GfxTarget]:
        """AMD's targets by their processor."""
        return {row.processor: row for row in self.gfx_targets}

    # AMD's driver and ROCm

    def amdgpu(self, driver: str) -> tuple[AmdgpuDriver, ...]:
        """The releases of the amdgpu driver that a version may mean: that of its module ("6.12.12") or its own ("30.10.1")."""
        module, release = _MODULE.match(driver.strip()), rocm_version(driver)
        return tuple(
            row
            for row in self.amdgpu_drivers
            if (module is not None and row.module == module[0]) or rocm_version(row.driver) == release
        )

    def rocm_released(self, release: RocmVersion) -> datetime.date | None:
        """The day of a ROCm release; None where no table has it."""
        return next((row.released for row in self.rocm if row.release == release), None)

    def rocm_releases_apart(self, one: RocmVersion, other: RocmVersion) -> int | None:
        """The number of ROCm releases from one to the other; None where the table has not both."""
        order = sorted(row.release for row in self.rocm)
        return abs(order.index(one) - order.index(other)) if one in order and other in order else None

    # Jetson Linux

    def l4t_cuda(self, l4t: str) -> CudaVersion | None:
        """The CUDA of a release of Jetson Linux: of its row, else of the newest older one of the same major release.

        A major release above every row has at least the newest row's (see `is_newer_l4t`); None below every row.
        """
        key, major = sort_key(l4t), l4t.strip().partition(".")[0]
        older = [row for row in self.l4t if sort_key(row.l4t) <= key]
        same = [row for row in older if row.l4t.partition(".")[0] == major]
        rows = same or (older if len(older) == len(self.l4t) else [])
        return max(rows, key=lambda row: sort_key(row.l4t)).cuda if rows else None

    def is_newer_l4t(self, l4t: str) -> bool:
        """Whether a release of Jetson Linux is newer than the rows of its major release: its CUDA may then be newer too.

        Patches of a release (39.2.1) have its CUDA.
        """
        major, _, rest = l4t.strip().partition(".")
        release = f"{major}.{rest.partition('.')[0] or 0}"
        same = [row.l4t for row in self.l4t if row.l4t.partition(".")[0] == major]
        known = same or [row.l4t for row in self.l4t]
        return all(sort_key(release) > sort_key(row) for row in known)


def _words_of(generation: str) -> frozenset[str]:
    """The words of a generation's name as GPUs' names have them: "ada" and "lovelace"."""
    return frozenset(generation.partition("(")[0].casefold().split())


def load_machines(folder: Path | None, capabilities: tuple[Capability, ...]) -> MachineTables:
    """The tables about machines; a file in `folder` replaces the shipped one of the same name. Raises CannotStart."""
    return MachineTables(
        gpu_models=parsed(
            table_path("gpu_models.csv", folder), _GPU_COLUMNS, _gpu_model, lambda row: row.words.casefold()
        ),
        gfx_targets=parsed(
            table_path("gfx_targets.csv", folder),
            ("target", "family", "generic", "features", "source"),
            lambda row: GfxTarget(
                row["target"], row["family"], row["generic"], tuple(row["features"].split()), row["source"]
            ),
            lambda row: row.processor,
        ),
        rocm=parsed(table_path("rocm.csv", folder), ("rocm", "released", "source"), _rocm, lambda row: row.release),
        amdgpu_drivers=parsed(
            table_path("amdgpu_drivers.csv", folder),
            ("driver", "module", "rocm", "tested_rocm", "source"),
            _amdgpu_driver,
            lambda row: row.driver,
        ),
        l4t=parsed(
            table_path("l4t.csv", folder),
            ("l4t", "cuda", "source"),
            lambda row: L4tRelease(row["l4t"], CudaVersion.parse(row["cuda"]), row["source"]),
            lambda row: row.l4t,
        ),
        toolkit_faults=parsed(
            table_path("toolkit_faults.csv", folder),
            ("first", "fixed", "conditions", "stops", "fault", "source"),
            _toolkit_fault,
            lambda row: (row.first, row.fixed, row.fault),
        ),
        capabilities=capabilities,
    )


_GPU_COLUMNS = (
    "words",
    "accelerator",
    "compute_capability",
    "target",
    "memory_gib",
    "data_centre",
    "brand",
    "source",
)


def _gpu_model(row: Row) -> GpuModel:
    if not row["accelerator"]:
        raise Invalid("the accelerator is missing.")
    return GpuModel(
        words=row["words"],
        accelerator=row["accelerator"],
        capabilities=tuple(ComputeCapability.parse(text) for text in row["compute_capability"].split()),
        targets=tuple(row["target"].split()),
        memory_gib=tuple(whole(text) for text in row["memory_gib"].split()),
        data_centre=yes(row["data_centre"]) if row["data_centre"] else None,
        brands=tuple(row["brand"].split()),
        source=row["source"],
    )


def _rocm(row: Row) -> RocmRelease:
    try:
        released = datetime.date.fromisoformat(row["released"]) if row["released"] else None
    except ValueError as error:
        raise Invalid(f"{row['released']!r} is not a day, such as 2025-04-11.") from error
    return RocmRelease(_required_release(row["rocm"]), released, row["source"])


def _amdgpu_driver(row: Row) -> AmdgpuDriver:
    tested = frozenset(_required_release(text) for text in row["tested_rocm"].split())
    _required_release(row["driver"])
    return AmdgpuDriver(row["driver"], row["module"], _required_release(row["rocm"]), tested, row["source"])


def _required_release(text: str) -> RocmVersion:
    release = rocm_version(text)
    if release is None:
        raise Invalid(f"{text!r} is not a release such as 6.4.")
    return release


def _toolkit_fault(row: Row) -> ToolkitFault:
    return ToolkitFault(
        first=row["first"],
        fixed=row["fixed"] or None,
        conditions=frozenset(row["conditions"].split()),
        stops=yes(row["stops"]),
        fault=row["fault"],
        source=row["source"],
    )
