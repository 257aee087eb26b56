"""All tables together, and the lookups in them that the rules use.

The lookups are here, next to the rows, so that a rule reads like its sentence and a newer table changes every rule that depends
on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from bayplan.domain.compatibility.tables.libraries import LibraryTables
from bayplan.domain.compatibility.tables.machines import MachineTables
from bayplan.domain.compatibility.tables.rows import (
    Capability,
    CompatBranch,
    CompatBrands,
    CudaRelease,
    DriverBranch,
    Family,
    Generation,
)
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, read
from bayplan.errors import Invalid

_CATALOGUE = "the catalogue"


@dataclass(frozen=True, eq=False)
class Tables(LibraryTables):
    """All tables about drivers, CUDA and GPUs. Compared by identity: it is large."""

    cuda: tuple[CudaRelease, ...]
    generations: tuple[Generation, ...]
    families: tuple[Family, ...]
    capabilities: tuple[Capability, ...]
    driver_branches: tuple[DriverBranch, ...]
    compat_branches: tuple[CompatBranch, ...]
    compat_brands: tuple[CompatBrands, ...]
    machines: MachineTables

    def with_catalogue(
        self,
        cuda: Iterable[tuple[str, str, str | None]],
        hardware: Iterable[tuple[str, float, float]],
    ) -> "Tables":
        """These tables with the catalogue's own CUDA releases and generations, which staff may have changed.

        A catalogue is filled once, so releases and generations of these tables that are newer than all of the
        catalogue's stay beside them. A generation of an unknown name has the rank of the shipped one that holds its
        lowest capability, else one just above all that lie below it. Rows that no rule could compare are left out.
        """
        releases = tuple(
            CudaRelease(version, full, driver, _CATALOGUE)
            for version, full, driver in cuda
            if read(CudaVersion.parse, full) is not None
        )
        generations = tuple(
            Generation(name, str(low), str(high), self._rank_of(name, str(low)), _CATALOGUE)
            for name, low, high in hardware
            if read(ComputeCapability.parse, str(low)) is not None
            and read(ComputeCapability.parse, str(high)) is not None
        )
        newest = max((CudaVersion.parse(release.full_version) for release in releases), default=None)
        newer_releases = tuple(
            release for release in self.cuda if newest is not None and CudaVersion.parse(release.full_version) > newest
        )
        rank = max((generation.rank for generation in generations), default=None)
        newer_generations = tuple(
            generation
            for generation in self.generations
            if rank is not None
            and generation.rank > rank
            and not any(row.low < generation.high and generation.low < row.high for row in generations)
        )
        return replace(self, cuda=releases + newer_releases, generations=generations + newer_generations)

    def _rank_of(self, name: str, low_text: str) -> float:
        shipped = self.generation(name) or self._generation_at(low_text)
        if shipped is not None:
            return shipped.rank
        low = ComputeCapability.parse(low_text)
        return max((generation.rank for generation in self.generations if generation.low < low), default=0.0) + 0.5

    # Generations and capabilities

    def generation(self, name: str) -> Generation | None:
        """The generation of that name, whatever its case."""
        return self._generations_by_name.get(name.casefold())

    def generation_of(self, compute_capability: str | float) -> str | None:
        """The name of the generation with that capability; None for a capability outside all ranges, or an invalid text."""
        generation = self._generation_at(str(compute_capability))
        return None if generation is None else generation.name

    def _generation_at(self, text: str) -> Generation | None:
        try:
            capability = ComputeCapability.parse(text)
        except Invalid:
            return None
        return next((row for row in self.generations if row.low <= capability < row.high), None)

    @cached_property
    def _generations_by_name(self) -> dict[str, Generation]:
        return {generation.name.casefold(): generation for generation in self.generations}

    @cached_property
    def tegra(self) -> frozenset[ComputeCapability]:
        """The capabilities of Tegra, the GPUs of Jetson boards."""
        return frozenset(row.capability for row in self.capabilities if row.tegra)

    @cached_property
    def code_grades(self) -> dict[tuple[tuple[int, int], tuple[ComputeCapability, ...]], Grade]:
        """Whether a CUDA release has code for a GPU of one of these capabilities, as far as it was asked (`NodeCapabilities`)."""
        return {}

    @cached_property
    def releases_with_code(self) -> dict[tuple[ComputeCapability, ...], tuple[CudaVersion, ...]]:
        """The CUDA releases that have code for a GPU of one of these capabilities, as far as they were asked for."""
        return {}

    @cached_property
    def by_capability(self) -> dict[ComputeCapability, Capability]:
        """The rows of the capability table by their capability."""
        return {row.capability: row for row in self.capabilities}

    # CUDA releases and drivers

    def min_driver(self, cuda: CudaVersion) -> DriverVersion | None:
        """The driver that a release ships with.

        Without a patch, or with one that is not listed, that of the newest patch listed; where none is published, the
        first driver branch that supports the release; None where the tables have neither.
        """
        if cuda not in self._min_drivers:
            drivers = self._drivers_by_release
            driver = drivers.get(cuda) or drivers.get(CudaVersion(cuda.major, cuda.minor)) or self._first_branch(cuda)
            self._min_drivers[cuda] = driver
        return self._min_drivers[cuda]

    @cached_property
    def _min_drivers(self) -> dict[CudaVersion, DriverVersion | None]:
        return {}

    @cached_property
    def _drivers_by_release(self) -> dict[CudaVersion, DriverVersion]:
        drivers: dict[CudaVersion, DriverVersion] = {}
        for release in sorted(self.cuda, key=lambda release: CudaVersion.parse(release.full_version)):
            driver = read(DriverVersion.parse, release.min_driver)
            if driver is not None:
                full = CudaVersion.parse(release.full_version)
                drivers[full] = drivers[CudaVersion(full.major, full.minor)] = driver
        return drivers

    def has_only_older_patches(self, cuda: CudaVersion) -> bool:
        """Whether the tables list patches of a release with their drivers, and all are older than this one."""
        newest = self._newest_patches.get(cuda.release)
        return newest is not None and cuda.patch is not None and cuda.patch > newest

    @cached_property
    def _newest_patches(self) -> dict[tuple[int, int], int]:
        newest: dict[tuple[int, int], int] = {}
        for release in self._drivers_by_release:
            if release.patch is not None:
                newest[release.release] = max(release.patch, newest.get(release.release, 0))
        return newest

    def drivers_of_family(self, major: int) -> frozenset[DriverVersion]:
        """The drivers that the releases of a major version ship with."""
        return frozenset(driver for release, driver in self._drivers_by_release.items() if release.major == major)

    def smallest_driver(self, cuda: CudaVersion) -> DriverVersion | None:
        """The oldest driver that runs a release, by minor-version compatibility or natively; None where unknown."""
        drivers = (self.floors.get(cuda.major), self.min_driver(cuda))
        return min((driver for driver in drivers if driver is not None), default=None)

    def first_driver(self, cuda: CudaVersion) -> DriverVersion | None:
        """The oldest driver in the tables that supports a release at all, by any of its patches; None where there is none."""
        branch = self._first_branch(cuda)
        if branch is None:
            return None
        published = (driver for driver in self._drivers_by_release.values() if driver.branch == branch.branch)
        return min(published, default=branch)

    def _first_branch(self, cuda: CudaVersion) -> DriverVersion | None:
        branches = [row.branch for row in self.driver_branches if row.max_cuda.release >= cuda.release]
        return DriverVersion.parse(str(min(branches))) if branches else None

    @cached_property
    def floors(self) -> dict[int, DriverVersion]:
        """The oldest driver for minor-version compatibility, by CUDA major version."""
        return {family.cuda_major: family.min_driver for family in self.families}

    @cached_property
    def releases(self) -> tuple[CudaVersion, ...]:
        """Every major.minor release, newest first."""
        releases = {CudaVersion(*CudaVersion.parse(release.full_version).release) for release in self.cuda}
        return tuple(sorted(releases, reverse=True))

    @cached_property
    def newest_cuda(self) -> CudaVersion:
        """The newest release that the tables of branches and capabilities know: what is newer is not in them."""
        known = [row.max_cuda for row in self.driver_branches] + [row.first_cuda for row in self.capabilities]
        return max(known)

    @cached_property
    def newest_branch(self) -> int:
        """The newest driver branch in the tables; a later one supports at least its CUDA."""
        return max(row.branch for row in self.driver_branches)

    def branch_of(self, driver: DriverVersion) -> DriverBranch | None:
        """The row of a driver's branch; None where it has none."""
        return next((row for row in self.driver_branches if row.branch == driver.branch), None)

    def newest_driver(self, branch: int) -> DriverVersion:
        """The newest driver of a branch that a CUDA release ships with; the branch's number where none is listed."""
        return self._newest_drivers.get(branch) or DriverVersion.parse(str(branch))

    @cached_property
    def _newest_drivers(self) -> dict[int, DriverVersion]:
        return {driver.branch: driver for driver in sorted(self._drivers_by_release.values())}

    def driver_cuda(self, driver: DriverVersion) -> CudaVersion | None:
        """The newest CUDA that a driver supports; a branch that is not listed counts as the next lower one.

        A driver of a branch beyond `newest_branch` supports that CUDA at least.
        """
        branches = [row for row in self.driver_branches if row.branch <= driver.branch]
        return max(branches, key=lambda row: row.branch).max_cuda if branches else None

    def compat_accepts(self, cuda: CudaVersion) -> frozenset[int]:
        """The driver branches that the forward-compatibility package of a release accepts; empty where unknown."""
        return self._compat_by_release.get(cuda.release, frozenset())

    @cached_property
    def _compat_by_release(self) -> dict[tuple[int, int], frozenset[int]]:
        accepted: dict[tuple[int, int], set[int]] = {}
        for row in self.compat_branches:
            accepted.setdefault(row.cuda.release, set()).add(row.driver_branch)
        return {release: frozenset(branches) for release, branches in accepted.items()}

    def compat_lists(self, cuda: CudaVersion | None) -> frozenset[str]:
        """The brands of GPUs that the forward-compatibility package of a release accepts; those of all where it is not known."""
        release = None if cuda is None else cuda.release
        brands = self._compat_lists.get(release)
        if brands is None:
            rows = [row for row in self.compat_brands if release is None or row.first_cuda.release <= release]
            brands = max(rows, key=lambda row: row.first_cuda).brands if rows else frozenset()
            self._compat_lists[release] = brands
        return brands

    @cached_property
    def _compat_lists(self) -> dict[tuple[int, int] | None, frozenset[str]]:
        return {}
