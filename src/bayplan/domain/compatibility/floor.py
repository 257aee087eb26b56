"""The floor of an image: what a node has to have for it, as data, found by asking the judge.

There is no second copy of the rules here. The judge is asked about boards of the tables with every driver at which its verdict
may change, and its verdicts are put together to ranges. An image that is out of use (withdrawn, past its end of life, missing
in its registry) is judged as if it were in use, and `out_of_use` says why it is not.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from bayplan.domain.compatibility.floor_nodes import (
    ANY_DRIVER,
    Board,
    GpuClass,
    boards,
    drivers_compared,
    gfx_targets,
    node_with_cuda,
    node_with_rocm,
    node_without_gpu,
)
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import grade_on_gpu, judge_without_remedies
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, ReasonCode, Verdict
from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion

USES_GPU = (Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.JIT)
"""The grades by which an image runs on a GPU."""
_ABOUT_FACTS = frozenset({ReasonCode.FACT_MISSING, ReasonCode.ARCH_LIST_UNKNOWN})
DEFAULT_ARCHITECTURE = "amd64"
"""The architecture that an image is taken to be for where that is not known: most are for no other."""


@dataclass(frozen=True, slots=True)
class DriverRange:
    """Drivers with which an image runs by one grade: from `first` on (None: any), and older than `below` (None: no end)."""

    grade: Grade
    first: DriverVersion | None
    below: DriverVersion | None

    def holds(self, driver: DriverVersion) -> bool:
        """Whether a driver is in it."""
        return (self.first is None or driver >= self.first) and (self.below is None or driver < self.below)


@dataclass(frozen=True, slots=True)
class GpuFloor:
    """The drivers with which an image runs on GPUs of a compute capability and of these classes; none where only others run it."""

    compute_capability: ComputeCapability
    classes: tuple[GpuClass, ...]
    drivers: tuple[DriverRange, ...]


@dataclass(frozen=True, slots=True)
class RocmFloor:
    """The AMD targets that an image runs on, and the amdgpu drivers that AMD supports with its ROCm, oldest first."""

    targets: tuple[str, ...]
    drivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """What a node of one architecture has to have for an image.

    `gpus` and `rocm` are None for an image that does not run on a GPU of that kind, or of which that is not known. `drivers` has
    the smallest driver of each grade, whatever the GPU. `missing` has what is not known, and `out_of_use` why it is not used:
    reasons of the judge.
    """

    architecture: str
    is_architecture_known: bool
    accelerator: str | None
    runs_on_cpu: bool
    gpus: tuple[GpuFloor, ...] | None
    rocm: RocmFloor | None
    gpu_memory_bytes: int | None
    shared_memory_bytes: int | None
    gpu_count: int | None
    missing: tuple[Reason, ...]
    out_of_use: tuple[Reason, ...]
    tables: Tables

    @property
    def drivers(self) -> dict[Grade, DriverVersion]:
        """The smallest driver of each grade by which it runs on some GPU."""
        smallest: dict[Grade, DriverVersion] = {}
        for gpu in self.gpus or ():
            for span in gpu.drivers:
                first = span.first or ANY_DRIVER
                smallest[span.grade] = min(first, smallest.get(span.grade, first))
        return {grade: smallest[grade] for grade in USES_GPU if grade in smallest}

    @property
    def cuda(self) -> CudaVersion | None:
        """The smallest CUDA that the driver of a host supports, without forward compatibility: what nvidia-smi shows there."""
        drivers = [driver for grade, driver in self.drivers.items() if grade in (Grade.NATIVE, Grade.MINOR)]
        return self.tables.driver_cuda(min(drivers)) if drivers else None


@lru_cache(maxsize=2048)
def floors(image: Image, tables: Tables, today: datetime.date) -> tuple[Floor, ...]:
    """The floor of an image on each architecture that it is built for; on amd64 where those are not known. Kept: it takes long."""
    built = ImageRequirements(image, tables).platforms or (DEFAULT_ARCHITECTURE,)
    return tuple(_floor(image, architecture, tables, today) for architecture in dict.fromkeys(built))


def _floor(image: Image, architecture: str, tables: Tables, today: datetime.date) -> Floor:
    requirements = ImageRequirements(_in_use(image), tables).on(architecture)
    # The facts of one architecture may come from an entry of its own.
    requirements = ImageRequirements(_in_use(requirements.declared), tables)
    declared = requirements.declared
    without_gpu = judge_without_remedies(requirements, node_without_gpu(architecture, tables), today)
    judged = _Judged(requirements, architecture, today)
    gpus = judged.on_cuda() if requirements.uses_gpu and requirements.accelerator in (None, "cuda") else None
    rocm = judged.on_rocm() if requirements.uses_gpu and requirements.accelerator == "rocm" else None
    return Floor(
        architecture=architecture,
        is_architecture_known=bool(ImageRequirements(image, tables).platforms),
        accelerator=(requirements.accelerator or "cuda") if requirements.uses_gpu else None,
        runs_on_cpu=without_gpu.grade is Grade.CPU,
        gpus=gpus or None,
        rocm=rocm,
        gpu_memory_bytes=declared.min_gpu_memory_bytes,
        shared_memory_bytes=declared.min_shared_memory_bytes,
        gpu_count=max(1, declared.min_gpus or 1) if requirements.uses_gpu else None,
        missing=judged.missing(has_result=bool(gpus or rocm), runs_on_cpu=without_gpu.grade is Grade.CPU),
        out_of_use=_out_of_use(image, architecture, tables, today),
        tables=tables,
    )


def _in_use(image: Image) -> Image:
    return replace(image, deleted=False, withdrawn_reason=None, missing_in_registry=False, end_of_life=None)


def _out_of_use(image: Image, architecture: str, tables: Tables, today: datetime.date) -> tuple[Reason, ...]:
    """What the judge has against the image wherever it is used."""
    of_use = {ReasonCode.WITHDRAWN, ReasonCode.MISSING_IN_REGISTRY, ReasonCode.END_OF_LIFE}
    verdict = judge_without_remedies(ImageRequirements(image, tables), node_without_gpu(architecture, tables), today)
    return tuple(reason for reason in verdict.reasons if reason.code in of_use and reason.grade is Grade.NO)


class _Judged:
    """An image on the nodes of the tables, and what the verdicts say is not known."""

    def __init__(self, requirements: ImageRequirements, architecture: str, today: datetime.date) -> None:
        self._image, self._architecture, self._today = requirements, architecture, today
        self._tables = requirements.tables

    def on_cuda(self) -> tuple[GpuFloor, ...]:
        """The drivers with which it runs on each capability and class; classes that are equal are one."""
        drivers = drivers_compared(self._image)
        found: dict[tuple[ComputeCapability, tuple[DriverRange, ...]], list[GpuClass]] = {}
        for board in boards(self._tables):
            spans = tuple(_ranges([(driver, self._grade(board, driver)) for driver in drivers]))
            found.setdefault((board.capability, spans), []).append(board.gpu_class)
        run = {capability for capability, spans in found if spans}
        return tuple(
            GpuFloor(capability, tuple(classes), spans)
            for (capability, spans), classes in found.items()
            if capability in run
        )

    def _grade(self, board: Board, driver: DriverVersion) -> Grade:
        node = node_with_cuda(board, driver, self._architecture, self._tables)
        return grade_on_gpu(self._image, node, self._today)

    def on_rocm(self) -> RocmFloor | None:
        """The targets on which it runs, and the drivers that AMD supports it with."""
        drivers = [row.driver for row in self._tables.machines.amdgpu_drivers]
        targets = [
            form for forms in gfx_targets(self._tables).values() for form in self._forms_that_run(forms, drivers[-1])
        ]
        if not targets:
            return None
        supported = [
            driver
            for driver in drivers
            if not any(
                reason.code is ReasonCode.DRIVER_NOT_TESTED
                for reason in self._of(node_with_rocm(targets[0], driver, self._architecture, self._tables)).reasons
            )
        ]
        return RocmFloor(tuple(targets), tuple(supported))

    def _forms_that_run(self, forms: tuple[str, ...], driver: str) -> tuple[str, ...]:
        """The target alone where it runs whatever its features, else its forms with features on which it runs."""
        alone, *others = forms

        def runs(form: str) -> bool:
            verdict = self._of(node_with_rocm(form, driver, self._architecture, self._tables))
            return verdict.grade in USES_GPU

        return (alone,) if runs(alone) else tuple(form for form in others if runs(form))

    def missing(self, *, has_result: bool, runs_on_cpu: bool) -> tuple[Reason, ...]:
        """The reasons of the judge about what is not known, or about what stands in the way of every node."""
        if not self._image.uses_gpu:
            return ()
        verdicts = [self._of(node) for node in self._newest_nodes()]
        best = min(verdicts, key=lambda verdict: ORDER[verdict.grade])
        if not has_result and not runs_on_cpu:
            return tuple(reason for reason in best.reasons if reason.grade is not Grade.CAVEAT)
        return tuple(reason for reason in best.reasons if reason.code in _ABOUT_FACTS)

    def _newest_nodes(self) -> Iterator[NodeCapabilities]:
        """Nodes with each board or target, the newest first, and a driver of the newest branch in the tables."""
        tables = self._tables
        if self._image.accelerator == "rocm":
            driver = tables.machines.amdgpu_drivers[-1].driver
            for target in gfx_targets(tables):
                yield node_with_rocm(target, driver, self._architecture, tables)
            return
        driver_version = DriverVersion.parse(str(tables.newest_branch))
        for board in reversed(boards(tables)):
            yield node_with_cuda(board, driver_version, self._architecture, tables)

    def _of(self, node: NodeCapabilities) -> Verdict:
        return judge_without_remedies(self._image, node, self._today)


def _ranges(grades: list[tuple[DriverVersion, Grade]]) -> Iterator[DriverRange]:
    """The ranges of drivers with equal grades, of those by which an image runs on the GPU; drivers in their order."""
    start = 0
    current: Grade | None = None
    for at, (driver, grade) in enumerate([*grades, (ANY_DRIVER, Grade.CAVEAT)]):
        if grade is current:
            continue
        if current is not None and current in USES_GPU:
            first = grades[start][0]
            yield DriverRange(current, None if first == ANY_DRIVER else first, None if at == len(grades) else driver)
        start, current = at, grade
