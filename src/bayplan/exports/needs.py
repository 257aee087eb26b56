"""What the exports for schedulers have in common: on which GPUs, with which drivers an image runs, whatever the class of the board.

Schedulers know a GPU's compute capability and its driver, and not whether it is a board for data centres. So a driver counts
where it runs the image on boards of every class that there is of the capability, by a grade that is matched by default.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bayplan.domain.compatibility.gpu_memory import SHOWN_AT_LEAST
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT
from bayplan.domain.versions import ComputeCapability, DriverVersion
from bayplan.errors import Invalid
from bayplan.schemas.floors import FloorAnswer, GpuFloorAnswer, PlatformFloorAnswer

MIB = 1 << 20
Parts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drivers:
    """Drivers from `first` on (None: any) and older than `below` (None: no end), as numbers."""

    first: Parts | None
    below: Parts | None


@dataclass(frozen=True, slots=True)
class GpuTerm:
    """GPUs of capabilities with one major version, and the drivers with which each of them runs the image."""

    major: int
    minors: tuple[int, ...]
    drivers: tuple[Drivers, ...]


def gpu_terms(platform: PlatformFloorAnswer) -> tuple[GpuTerm, ...]:
    """The GPUs and drivers that run an image on an architecture; capabilities that need the same are one term."""
    by_capability: dict[tuple[int, int], list[GpuFloorAnswer]] = {}
    for gpu in platform["gpus"] or ():
        capability = ComputeCapability.parse(gpu["compute_capability"])
        by_capability.setdefault((capability.major, capability.minor), []).append(gpu)
    grouped: dict[tuple[int, tuple[Drivers, ...]], list[int]] = {}
    for (major, minor), gpus in sorted(by_capability.items()):
        drivers: tuple[Drivers, ...] = (Drivers(None, None),)
        for gpu in gpus:
            drivers = _common(drivers, _running(gpu))
        if drivers:
            grouped.setdefault((major, drivers), []).append(minor)
    return tuple(GpuTerm(major, tuple(minors), drivers) for (major, drivers), minors in grouped.items())


def _running(gpu: GpuFloorAnswer) -> tuple[Drivers, ...]:
    """The drivers of all grades that are matched by default; ranges that touch are one."""
    joined: list[Drivers] = []
    for span in gpu["drivers"]:
        if span["grade"] not in MATCHED_BY_DEFAULT:
            continue
        first, below = _parts(span["first"]), _parts(span["below"])
        if joined and joined[-1].below == first is not None:
            joined[-1] = Drivers(joined[-1].first, below)
        else:
            joined.append(Drivers(first, below))
    return tuple(joined)


def _parts(driver: str | None) -> Parts | None:
    return None if driver is None else DriverVersion.parse(driver).parts


def _common(some: Iterable[Drivers], others: Iterable[Drivers]) -> tuple[Drivers, ...]:
    others = tuple(others)
    both = []
    for one in some:
        for other in others:
            first = max(one.first or (), other.first or ()) or None
            ends = [end for end in (one.below, other.below) if end is not None]
            below = min(ends, default=None)
            if below is None or first is None or first < below:
                both.append(Drivers(first, below))
    return tuple(both)


def least_memory_mib(platform: PlatformFloorAnswer) -> int | None:
    """The memory that a board shows at least, in MiB: a driver shows up to a tenth less than the board is sold with."""
    needed = platform["gpu_memory_bytes"]
    return None if not needed else -(-int(needed * SHOWN_AT_LEAST) // MIB)


def uses_gpu(platform: PlatformFloorAnswer) -> bool:
    """Whether it is to run on a GPU there: one that runs on the CPU alone, or uses no GPU, is not."""
    return bool(platform["gpus"] or platform["rocm"])


def exported_platforms(floor: FloorAnswer) -> tuple[PlatformFloorAnswer, ...]:
    """The architectures on which an image runs by default; raises `Invalid`, with what is missing, where there is none."""
    platforms = tuple(
        platform
        for platform in floor["platforms"]
        if gpu_terms(platform) or platform["rocm"] or platform["runs_on_cpu"]
    )
    if platforms:
        return platforms
    details = dict.fromkeys(reason["detail"] for platform in floor["platforms"] for reason in platform["missing"])
    why = " ".join(details) or "It runs on no GPU by the grades that are matched by default."
    raise Invalid(f"{floor['name']} {floor['version']} cannot be exported. {why}")


def notes(floor: FloorAnswer) -> list[str]:
    """The sentences that head an export: what the image is, and what is not known of it."""
    lines = [f"{floor['name']} {floor['version']}: {floor['url']}"]
    if floor["digest"] is None:
        lines.append(
            "Its digest is not known, so the reference has its tag: `bayplan images inspect --store` finds it."
        )
    for platform in floor["platforms"]:
        reasons = (*platform["out_of_use"], *platform["missing"])
        lines += [f"{platform['architecture']}: {reason['detail']}" for reason in reasons]
    return list(dict.fromkeys(lines))


def smallest(platform: PlatformFloorAnswer) -> str:
    """The smallest driver of all terms, for a comment: "525.60.13 (native from 550.54.15)"."""
    texts = [span["first"] for gpu in platform["gpus"] or () for span in gpu["drivers"]]
    firsts = [drivers.first or () for term in gpu_terms(platform) for drivers in term.drivers]
    by_parts = {_parts(text) or (): text or "any" for text in texts}
    first, native = by_parts[min(firsts)], platform["drivers"]["native"]
    return first if native in (None, first) else f"{first} (native from {native})"
