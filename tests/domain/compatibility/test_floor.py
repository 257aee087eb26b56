"""The floor of an image, held against the judge: at it the image runs with its grade, and just below it does not."""

import random
from dataclasses import replace

import pytest
from benchmarks.truth.reports import REPORT_SETS, facts_of, image_of, read_facts, read_reports

from bayplan.domain.compatibility.floor import Floor, floors
from bayplan.domain.compatibility.floor_nodes import ANY_DRIVER, Board, GpuClass, boards, drivers_compared
from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade, ReasonCode
from bayplan.domain.versions import DriverVersion
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_image

ON_GPU = {Grade.NATIVE, Grade.MINOR, Grade.FORWARD, Grade.JIT}
NEWER = str(TABLES.newest_branch + 1)


def node(board: Board, driver: DriverVersion, floor: Floor) -> Node:
    """A node with exactly what the floor asks for."""
    return Node(
        driver_version=str(driver),
        compute_capability=str(board.capability),
        gpu_name=board.name,
        gpu_mem_bytes=floor.gpu_memory_bytes or 1 << 34,
        architecture=floor.architecture,
        accelerator="cuda",
        shared_memory_bytes=floor.shared_memory_bytes or 1 << 26,
        machine_gpus=floor.gpu_count,
    )


def in_use(image: Image) -> Image:
    nested = tuple((name, in_use(other)) for name, other in image.by_architecture)
    return replace(
        image,
        by_architecture=nested,
        deleted=False,
        withdrawn_reason=None,
        missing_in_registry=False,
        end_of_life=None,
    )


def every_driver(image: Image, floor: Floor) -> list[DriverVersion]:
    """Every driver of the tables and every branch, a release before and behind each, and what the image itself names."""
    own = ImageRequirements(image, TABLES).on(floor.architecture)
    texts = {row.min_driver for row in TABLES.cuda if row.min_driver} | {
        str(row.branch) for row in TABLES.driver_branches
    }
    drivers = {DriverVersion.parse(text) for text in texts} | {family.min_driver for family in TABLES.families}
    around = {DriverVersion.parse(".".join(map(str, [*driver.parts, 1]))) for driver in drivers}
    return sorted(drivers | around | set(drivers_compared(own)) | {DriverVersion.parse(NEWER)})


def grade_by_floor(floor: Floor, board: Board, driver: DriverVersion) -> Grade | None:
    """The grade of the range of the floor that has a driver; None for none."""
    spans = [
        span
        for gpu in floor.gpus or ()
        if gpu.compute_capability == board.capability and board.gpu_class in gpu.classes
        for span in gpu.drivers
        if span.holds(driver)
    ]
    assert len(spans) <= 1
    return spans[0].grade if spans else None


def hold(image: Image, dice: random.Random, boards_each: int) -> None:
    """Asserts that the judge and the floor of an image agree on boards with every driver, and about what it needs besides."""
    image = in_use(image)
    for floor in floors(image, TABLES, TODAY):
        if ImageRequirements(image, TABLES).on(floor.architecture).accelerator not in (None, "cuda"):
            continue
        for board in dice.sample(boards(TABLES), boards_each):
            for driver in every_driver(image, floor):
                grade = judge(image, node(board, driver, floor), TABLES, TODAY).grade
                assert grade_by_floor(floor, board, driver) == (grade if grade in ON_GPU else None), (
                    board,
                    str(driver),
                )
        hold_sizes(image, floor)


def hold_sizes(image: Image, floor: Floor) -> None:
    """Asserts that a node with less than the floor asks for is refused; a board shows less memory than it is sold with."""
    smallest = next(iter(floor.gpus or ()), None)
    if smallest is None:
        return
    board = next(board for board in boards(TABLES) if board.capability == smallest.compute_capability)
    enough = node(board, smallest.drivers[0].first or ANY_DRIVER, floor)
    less = [
        replace(enough, gpu_mem_bytes=floor.gpu_memory_bytes // 2) if floor.gpu_memory_bytes else None,
        replace(enough, shared_memory_bytes=floor.shared_memory_bytes - 1) if floor.shared_memory_bytes else None,
        replace(enough, machine_gpus=1) if (floor.gpu_count or 0) > 1 else None,
    ]
    for refused in less:
        if refused is not None:
            grade = judge(image, refused, TABLES, TODAY).grade
            assert grade in {Grade.NO, Grade.CPU, Grade.UNKNOWN}, refused


@pytest.mark.parametrize("seed", range(3))
def test_at_the_floor_an_image_runs_and_just_below_it_does_not(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(4):
        hold(random_image(dice), dice, 2)


@pytest.mark.skipif(not REPORT_SETS["newer"].is_file(), reason="the real reports are not here")
def test_so_do_images_of_real_reports() -> None:
    dice = random.Random(0)
    reports = [report for path in REPORT_SETS.values() for report in read_reports(path)]
    facts = read_facts()
    images = {image_of(report, facts_of(report, facts)) for report in reports}
    for image in dice.sample(sorted(images, key=repr), 6):
        hold(image, dice, 1)


def test_what_is_not_known_is_said() -> None:
    (floor,) = floors(Image(cuda="12.4.1"), TABLES, TODAY)
    assert not floor.is_architecture_known
    assert [reason.code for reason in floor.missing] == [ReasonCode.ARCH_LIST_UNKNOWN]
    (undecided,) = floors(Image(), TABLES, TODAY)
    assert undecided.gpus is None
    assert undecided.drivers == {}
    assert "not known" in undecided.missing[0].detail
    (dropped,) = floors(Image(cuda="12.4.1", kernel_architectures=framework_kernels()), TABLES, TODAY)
    assert [reason.code for reason in dropped.missing] == [ReasonCode.GPU_NOT_IN_BUILD]


def test_an_image_out_of_use_has_a_floor_and_says_why_it_is_not_used() -> None:
    (floor,) = floors(Image(cuda="12.4.1", withdrawn_reason="broken"), TABLES, TODAY)
    assert floor.drivers[Grade.NATIVE] == DriverVersion.parse("550.54.15")
    assert [reason.code for reason in floor.out_of_use] == [ReasonCode.WITHDRAWN]


def test_a_compat_package_adds_drivers_of_data_centre_gpus() -> None:
    image = Image(
        cuda="12.4.1",
        compat_package=CompatLibraries("12.4", "550.54.15"),
        compat_activation="toolkit",
        kernel_architectures=framework_kernels("8.6"),
    )
    (floor,) = floors(image, TABLES, TODAY)
    by_class = {gpu_class: gpu.drivers for gpu in floor.gpus or () for gpu_class in gpu.classes}
    grades = {gpu_class: {span.grade for span in spans} for gpu_class, spans in by_class.items()}
    assert Grade.FORWARD in grades[GpuClass.DATA_CENTRE]
    assert Grade.FORWARD not in grades[GpuClass.CONSUMER]
    assert floor.drivers[Grade.FORWARD] == DriverVersion.parse("470")


def test_amd_images_have_targets_and_drivers() -> None:
    image = Image(
        accelerator="rocm", rocm_version="6.3.2", kernel_architectures=framework_kernels("gfx90a:xnack-", "gfx942")
    )
    (floor,) = floors(image, TABLES, TODAY)
    assert floor.rocm is not None
    assert floor.rocm.targets == ("gfx90a:sramecc-:xnack-", "gfx90a:sramecc+:xnack-", "gfx942")
    for target in floor.rocm.targets:
        assert judge(image, Node(driver_version="6.10.5", target=target), TABLES, TODAY).grade is Grade.NATIVE
    assert floor.rocm.drivers[0] == "6.1"


def test_images_for_the_cpu_need_no_gpu() -> None:
    (floor,) = floors(Image(cpu=True), TABLES, TODAY)
    assert (floor.accelerator, floor.runs_on_cpu, floor.gpu_count, floor.missing) == (None, True, None, ())
