"""Shows what an image needs of a node: a block for each architecture, and a line for all GPUs that need the same drivers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from rich.text import Text

from bayplan.cli.output import MUTED, Column, Lines, fields, memory, show, table
from bayplan.exports.floor_words import gpu_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bayplan.schemas.floors import FloorAnswer, PlatformFloorAnswer

_ACCELERATORS = {"cuda": "CUDA", "rocm": "ROCm"}


def show_floor(floor: FloorAnswer) -> None:
    """Prints the floor of an image."""
    show(Text(f"{floor['name']} {floor['version']}"), Text(floor["reference"], style=MUTED))
    for platform in floor["platforms"]:
        show(Text(), *_parts(platform))


def _parts(platform: PlatformFloorAnswer) -> Iterator[Text | Lines]:
    taken_for = "" if platform["is_architecture_known"] else " (not known, so taken for it)"
    smallest = cast("Mapping[str, str | None]", platform["drivers"])
    accelerator = platform["accelerator"]
    rocm = platform["rocm"]
    yield fields(
        (
            ("architecture", platform["architecture"] + taken_for),
            ("GPU for", accelerator and _ACCELERATORS.get(accelerator, accelerator)),
            ("runs without a GPU", platform["runs_on_cpu"]),
            ("smallest driver", [f"{driver} ({grade})" for grade, driver in smallest.items() if driver is not None]),
            ("CUDA of the host", platform["cuda"]),
            ("targets", rocm and rocm["targets"]),
            ("amdgpu drivers", rocm and rocm["drivers"]),
            ("GPU memory", platform["gpu_memory_bytes"] and memory(platform["gpu_memory_bytes"])),
            ("shared memory", platform["shared_memory_bytes"] and memory(platform["shared_memory_bytes"])),
            ("GPUs", platform["gpu_count"]),
        )
    )
    if platform["gpus"]:
        columns = (Column("compute capability", gives_way=True), Column("GPUs"), Column("drivers", gives_way=True))
        yield Text()
        yield table(columns, list(gpu_rows(platform["gpus"])))
    for reason in platform["out_of_use"]:
        yield Text(f"Not used: {reason['detail']}")
    for reason in platform["missing"]:
        yield Text(f"Not known: {reason['detail']}")
