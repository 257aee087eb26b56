"""What an image needs of a node, as objects."""

from bayplan.domain.compatibility.floor import Floor, floors
from bayplan.domain.compatibility.match import run_by_some
from bayplan.domain.compatibility.verdict import Grade, Reason
from bayplan.errors import NotFound
from bayplan.schemas.floors import FloorAnswer, GpuGrade, PlatformFloorAnswer, RunnableImageAnswer
from bayplan.schemas.match import ReasonAnswer
from bayplan.server.context import Context
from bayplan.server.floors.store import pull_references
from bayplan.server.matching.queries import in_turn, load_nodes, today

_GRADES: dict[Grade, GpuGrade] = {
    Grade.NATIVE: "native",
    Grade.MINOR: "minor",
    Grade.FORWARD: "forward",
    Grade.JIT: "jit",
}
# A floor takes as long as so many verdicts.
_FLOOR_VERDICTS = 1_000


async def load_floor(context: Context, pk: int, version: int) -> FloorAnswer:
    """Gives what an image needs of a node; raises `NotFound`."""
    catalogue = await context.judge.at(version)
    image = catalogue.images.get(pk)
    pulled = (await pull_references(context.db, [pk])).get(pk)
    if image is None or pulled is None:
        raise NotFound(f"No docker image with pk {pk}.")
    platforms = await in_turn(lambda: floors(image, catalogue.tables, today()), _FLOOR_VERDICTS)
    return {
        "pk": pk,
        "name": pulled.name,
        "version": pulled.version,
        "url": pulled.url,
        "reference": pulled.reference,
        "digest": pulled.digest,
        "platforms": [platform_answer(floor) for floor in platforms],
    }


async def runnable_images(context: Context, version: int) -> list[RunnableImageAnswer]:
    """Gives the images that some node runs by a grade that is matched by default, in the order of matches."""
    catalogue = await context.judge.at(version)
    nodes = await load_nodes(context.db)
    index = catalogue.index
    pks = await in_turn(lambda: index.pks(run_by_some(index, (node for _, node in nodes), today())), len(index))
    pulled = await pull_references(context.db, pks)
    return [
        {"pk": pk, "name": each.name, "version": each.version, "reference": each.reference, "digest": each.digest}
        for pk in pks
        if (each := pulled.get(pk)) is not None
    ]


def platform_answer(floor: Floor) -> PlatformFloorAnswer:
    """Gives the floor on one architecture as the API answers it."""
    smallest = {grade: str(driver) for grade, driver in floor.drivers.items()}
    return {
        "architecture": floor.architecture,
        "is_architecture_known": floor.is_architecture_known,
        "accelerator": floor.accelerator,
        "runs_on_cpu": floor.runs_on_cpu,
        "drivers": {
            "native": smallest.get(Grade.NATIVE),
            "minor": smallest.get(Grade.MINOR),
            "forward": smallest.get(Grade.FORWARD),
            "jit": smallest.get(Grade.JIT),
        },
        "cuda": _text(floor.cuda),
        "gpus": None
        if floor.gpus is None
        else [
            {
                "compute_capability": str(gpu.compute_capability),
                "classes": [each.value for each in gpu.classes],
                "drivers": [
                    {"grade": _GRADES[span.grade], "first": _text(span.first), "below": _text(span.below)}
                    for span in gpu.drivers
                ],
            }
            for gpu in floor.gpus
        ],
        "rocm": None
        if floor.rocm is None
        else {"targets": list(floor.rocm.targets), "drivers": list(floor.rocm.drivers)},
        "gpu_memory_bytes": floor.gpu_memory_bytes,
        "shared_memory_bytes": floor.shared_memory_bytes,
        "gpu_count": floor.gpu_count,
        "missing": [_reason(reason) for reason in floor.missing],
        "out_of_use": [_reason(reason) for reason in floor.out_of_use],
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _reason(reason: Reason) -> ReasonAnswer:
    return {
        "grade": reason.grade,
        "code": reason.code,
        "needed": reason.needed,
        "found": reason.found,
        "detail": reason.detail,
        "remedy": reason.remedy,
        "source": reason.source,
    }
