"""The GPUs and drivers that an image runs with, in words: the same in commands and on pages."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bayplan.schemas.floors import DriverRangeAnswer, GpuFloorAnswer

_ALL_CLASSES = 3


def gpu_rows(gpus: Sequence[GpuFloorAnswer]) -> Iterator[tuple[str, str, str]]:
    """A line for all GPUs that need the same drivers: compute capabilities, classes, drivers."""
    for (classes, drivers), equal in groupby(sorted(gpus, key=_needs), key=_needs):
        capabilities = sorted((each["compute_capability"] for each in equal), key=_numbers)
        yield ", ".join(capabilities), classes, drivers


def _needs(gpu: GpuFloorAnswer) -> tuple[str, str]:
    classes = gpu["classes"]
    named = "all" if len(classes) == _ALL_CLASSES else ", ".join(each.replace("_", " ") for each in classes)
    return named, "; ".join(map(_drivers, reversed(gpu["drivers"]))) or "none"


def _drivers(span: DriverRangeAnswer) -> str:
    first, below = span["first"], span["below"]
    start = "any" if first is None and below is None else "" if first is None else f"from {first}"
    return " ".join(part for part in (span["grade"], start, f"below {below}" if below else "") if part)


def _numbers(capability: str) -> tuple[int, ...]:
    return tuple(map(int, capability.split(".")))
