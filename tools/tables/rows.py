"""Rows of the tables, from what was read of wheels; the rows that have a document as their source stay as they are."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from tools.tables.wheel import WheelReading

FROM_WHEEL = "wheel "
_FIRST_WITH_TRITON = Version("0.8")
"""From vLLM 0.8 on its engine (V1) runs on Triton's kernels."""

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """One line of `wheels.csv`: a project of the index and the library of the tables that it is.

    `cuda` is for wheels that name no CUDA themselves, such as "12" for jax-cuda12-plugin; `has_kernels` is false where
    the only GPU code is that of a library of NVIDIA's in it, such as CUPTI in triton.
    """

    library: str
    name: str
    cuda: str
    has_kernels: bool
    versions: tuple[str, ...]
    arm64_versions: tuple[str, ...]

    @property
    def wheels(self) -> Iterable[tuple[str, str]]:
        """The version and architecture of each wheel to read."""
        yield from ((version, "amd64") for version in self.versions)
        yield from ((version, "arm64") for version in self.arm64_versions)


def read_projects(path: Path) -> tuple[Project, ...]:
    """The lines of `wheels.csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Project(
                row["library"],
                row["project"],
                row["cuda"],
                row["has_kernels"] == "yes",
                tuple(row["versions"].split()),
                tuple(row["arm64_versions"].split()),
            )
            for row in csv.DictReader(file)
        )


class Readings:
    """What was read of all wheels, and what follows from several of them."""

    def __init__(self, projects: Sequence[Project], readings: Sequence[WheelReading]) -> None:
        self._projects = {project.name: project for project in projects}
        self._readings = [reading for reading in readings if reading.project in self._projects]
        self._by_version = {(r.project, r.version, r.architecture): r for r in self._readings}

    def arch_lists(self) -> list[Cells]:
        """Rows of `arch_lists.csv`: one for each minor release, or for each release where they differ within it."""
        built: dict[tuple[str, str, str], dict[WheelReading, Cells]] = defaultdict(dict)
        for reading in self._readings:
            library = self._projects[reading.project].library
            for release, kernels in self._kernels(reading).items():
                cuda = release or self._cuda(reading)
                built[library, cuda, reading.architecture][reading] = kernels
        rows: list[Cells] = []
        for (library, cuda, architecture), kernels_of in built.items():
            for versions, reading, others in _spans(kernels_of):
                cells = (library, versions, cuda, architecture, " ".join(kernels_of[reading]), _source(reading, others))
                rows.append(cells)
        return sorted(rows, key=_order)

    def pypi_builds(self) -> list[Cells]:
        """Rows of `pypi_builds.csv`, for the projects whose wheels are of one CUDA release each."""
        built: dict[tuple[str, str], dict[WheelReading, Cells]] = defaultdict(dict)
        for reading in self._readings:
            cuda = self._cuda(reading)
            has_code = "" in self._kernels(reading)
            if (has_code and "." in cuda) or (reading.project == "torch" and not has_code):
                library = self._projects[reading.project].library
                built[library, reading.architecture][reading] = (cuda if has_code else "",)
        rows: list[Cells] = []
        for (library, architecture), cuda_of in built.items():
            rows += [
                (library, versions, architecture, cuda_of[reading][0], _source(reading, others))
                for versions, reading, others in _spans(cuda_of)
            ]
        return sorted(rows, key=_order)

    def runtime_compilers(self) -> list[Cells]:
        """Rows of `runtime_compilers.csv`: Triton by the ptxas in it, vLLM by the Triton of the torch that it asks for."""
        triton = {r: (r.ptxas, _source(r, ())) for r in self._readings if r.project == "triton" and r.ptxas}
        vllm: dict[WheelReading, Cells] = {}
        for reading in self._readings:
            bundled = self._triton_of(reading)
            if reading.project == "vllm" and bundled is not None and Version(reading.version) >= _FIRST_WITH_TRITON:
                vllm[reading] = (
                    bundled.ptxas,
                    f"{_source(reading, ())} asks for torch {reading.requires['torch']}, and that for {bundled.wheel}",
                )
        rows: list[Cells] = []
        for library, compilers in (("Triton", triton), ("vLLM", vllm)):
            rows += [
                (library, versions, "cubin", compilers[reading][0], compilers[reading][1])
                for versions, reading, _ in _spans({r: (cells[0],) for r, cells in compilers.items()})
            ]
        return sorted(set(rows), key=_order)

    def _kernels(self, reading: WheelReading) -> Mapping[str, tuple[str, ...]]:
        return reading.kernels if self._projects[reading.project].has_kernels else {}

    def _cuda(self, reading: WheelReading) -> str:
        """The CUDA release of a wheel: its own word, else that of the torch that it asks for, else that of its project."""
        if reading.cuda:
            return reading.cuda
        torch = self._by_version.get(("torch", reading.requires.get("torch", ""), reading.architecture))
        return (torch.cuda if torch is not None else "") or self._projects[reading.project].cuda

    def _triton_of(self, reading: WheelReading) -> WheelReading | None:
        torch = self._by_version.get(("torch", reading.requires.get("torch", ""), reading.architecture))
        triton = torch.requires.get("triton", "") if torch is not None else ""
        return self._by_version.get(("triton", triton, reading.architecture))


def _spans(values: Mapping[WheelReading, Cells]) -> Iterable[tuple[str, WheelReading, tuple[WheelReading, ...]]]:
    """The version specifiers under which the values are the same: minor releases, single releases where these differ.

    With each the newest wheel that it is of, and the others.
    """
    by_minor: dict[tuple[int, ...], list[WheelReading]] = defaultdict(list)
    for reading in values:
        release = Version(reading.version).release
        # "0.0.29" is a minor release of xformers, as "2.9" is of torch.
        by_minor[release[: 3 if release[:2] == (0, 0) else 2]].append(reading)
    for minor, members in sorted(by_minor.items()):
        newest_first = sorted(members, key=lambda reading: Version(reading.version), reverse=True)
        if len({values[reading] for reading in members}) == 1:
            yield f"=={'.'.join(map(str, minor))}.*", newest_first[0], tuple(newest_first[1:])
        else:
            yield from ((f"=={reading.version}", reading, ()) for reading in newest_first)


def _source(reading: WheelReading, others: Iterable[WheelReading]) -> str:
    same = ", ".join(other.version for other in others)
    return f"{FROM_WHEEL}{reading.wheel} sha256:{reading.sha256}" + (
        f"; the same in the wheels of {same}" if same else ""
    )


def _order(row: Cells) -> tuple[str, Version, Cells]:
    return row[0].casefold(), Version(row[1].removeprefix("==").removesuffix(".*")), row


def with_rows(table: str, rows: Iterable[Cells]) -> str:
    """The text of a table with these rows in place of those that wheels were the source of."""
    header, *existing = csv.reader(io.StringIO(table))
    kept = [row for row in existing if not row[-1].startswith(FROM_WHEEL)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows, *kept])
    return text.getvalue()
