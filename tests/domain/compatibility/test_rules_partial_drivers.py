"""Drivers with too few parts to name a release, such as a branch: never a false `no`, never a grade that only some releases have."""

import random
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import judge_without_remedies
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.overrides import overridden
from bayplan.domain.compatibility.verdict import ORDER, Grade
from bayplan.domain.versions import DriverVersion
from tests.domain.compatibility.catalogues import DRIVERS, TABLES, TODAY, random_image, random_node
from tests.domain.compatibility.examples import A6000, T4, codes, reason, verdict

BUILT = Image(kernel_architectures=framework_kernels("7.0", "8.0"), compiles_at_runtime=False)
PARTIAL = (
    "440",
    "450",
    "470",
    "470.82",
    "520",
    "525",
    "525.60",
    "535",
    "550",
    "570",
    "580",
    "580.65",
    "580.126",
    "999",
)


@pytest.mark.parametrize(
    ("cuda", "driver", "grade"),
    [
        ("13.0.2", "580", Grade.UNKNOWN),
        ("13.0.2", "580.65", Grade.UNKNOWN),
        ("13.0.2", "580.95", Grade.MINOR),
        ("13.0.0", "580.95", Grade.NATIVE),
        ("13.0.0", "575", Grade.NO),
        ("13.0.0", "590", Grade.NATIVE),
        ("13", "580", Grade.UNKNOWN),
        ("12.4.1", "550", Grade.MINOR),
        ("12.4.1", "550.54", Grade.MINOR),
        ("12.4.1", "550.120", Grade.NATIVE),
        ("12.4.1", "525", Grade.UNKNOWN),
        ("12.4.1", "530", Grade.MINOR),
        ("12.4.1", "520", Grade.NO),
        ("11.8.0", "450", Grade.UNKNOWN),
        ("11.0.3", "450.51", Grade.UNKNOWN),
        ("10.2.89", "440", Grade.UNKNOWN),
        ("10.2.89", "441", Grade.NATIVE),
    ],
)
def test_a_driver_without_its_later_parts_is_neither_the_oldest_nor_the_newest(
    cuda: str, driver: str, grade: Grade
) -> None:
    assert verdict(replace(BUILT, cuda=cuda), replace(T4, driver_version=driver)).grade is grade


def test_the_reason_asks_for_the_whole_version() -> None:
    undecided = reason(replace(BUILT, cuda="13.0.2"), replace(A6000, driver_version="580"), "fact_missing")
    assert undecided.grade is Grade.UNKNOWN
    assert undecided.detail == (
        "580.65.06 is the oldest driver for CUDA 13.0.2. Which release of 580 the node has is not known."
    )
    assert undecided.needed == ">=580.65.06"
    assert "Report the node's driver_version with all its parts" in (undecided.remedy or "")

    minor = verdict(replace(BUILT, cuda="12.4.1"), replace(A6000, driver_version="550"))
    (reported,) = [each for each in minor.reasons if each.code == "fact_missing"]
    assert reported.detail.startswith("CUDA 12.4.1 ships with the driver 550.54.15. Which release of 550 the node has")
    assert (reported.remedy or "").startswith("Nothing is needed; to know whether it is native, report")


def test_an_image_s_own_minimum_of_the_same_branch_is_not_decided() -> None:
    image = replace(BUILT, cuda="12.1.1", min_driver="550.90.07")
    assert verdict(image, replace(A6000, driver_version="550")).grade is Grade.UNKNOWN
    assert "below_own_minimum" in codes(image, replace(A6000, driver_version="545"))
    assert verdict(replace(image, min_driver="550"), replace(A6000, driver_version="550")).grade is Grade.NATIVE


@pytest.mark.parametrize(
    ("condition", "driver", "grade"),
    [
        ("driver>=550.54", "550", Grade.UNKNOWN),
        ("driver<550.54", "550", Grade.UNKNOWN),
        ("driver>=550", "550", Grade.NATIVE),
        ("driver<551,driver>=550", "550", Grade.NATIVE),
        ("driver=550", "550", Grade.UNKNOWN),
        ("driver<550", "550", Grade.NO),
        ("driver>=550.54.15", "550.54", Grade.UNKNOWN),
        ("driver>=551", "550", Grade.NO),
    ],
)
def test_start_conditions_on_drivers(condition: str, driver: str, grade: Grade) -> None:
    image = replace(BUILT, cuda="12.1.1", requirements=(("NVIDIA_REQUIRE_DRIVER", condition),))
    assert verdict(image, replace(A6000, driver_version=driver)).grade is grade


def test_libraries_of_the_same_branch_are_neither_older_nor_newer() -> None:
    image = replace(
        BUILT, cuda="12.1.1", compat_package=CompatLibraries("12.4", "550.54.15"), compat_activation="always"
    )
    on_branch = verdict(image, replace(A6000, driver_version="550"))
    assert on_branch.grade is Grade.NATIVE
    assert [each.grade for each in on_branch.reasons if each.code == "compat_older_than_driver"] == [Grade.CAVEAT]


def test_a_cdi_specification_for_the_same_branch_may_be_that_of_the_driver() -> None:
    node = replace(A6000, driver_version="535", cdi_driver_version="535.104.05", runtime_mode="cdi")
    assert "toolkit_fault" not in codes(replace(BUILT, cuda="12.1.1"), node)
    assert "toolkit_fault" in codes(replace(BUILT, cuda="12.1.1"), replace(node, driver_version="550"))


@pytest.mark.parametrize(
    ("driver", "asked", "becomes"),
    [
        ("580.95.05", "580", "580.95.05"),
        ("580.95.05", "580.95", "580.95.05"),
        ("580.95.05", "580.126", "580.126"),
        ("580", "580.95", "580.95"),
        ("535.104.05", "580", "580"),
        ("590.48.01", "580", "580"),
    ],
)
def test_a_node_of_a_branch_keeps_its_driver_if_that_branch_is_asked_for(driver: str, asked: str, becomes: str) -> None:
    node = replace(A6000, driver_version=driver, driver_cuda_version="13.0")
    changed = overridden(node, {"driver_version": asked})
    assert changed.driver_version == becomes
    assert (changed.driver_cuda_version is None) == (becomes != driver)


def _driver_decides(dice: random.Random) -> tuple[Image, Node]:
    """A random image and node of whose facts none but those about the driver speak against a start."""
    found = random_image(dice, nested=False)
    image = Image(
        cuda=found.cuda,
        framework_cuda=found.framework_cuda,
        requirements=found.requirements,
        compat_package=found.compat_package,
        compat_activation=found.compat_activation,
        compiles_at_runtime=found.compiles_at_runtime,
        min_driver=dice.choice((None, None, "550.90.07", "525.60.13")),
    )
    node = random_node(dice)
    return image, replace(
        dice.choice((A6000, T4)),
        runtime_mode=node.runtime_mode,
        toolkit_version=node.toolkit_version,
    )


def test_no_verdict_is_one_that_a_release_of_the_branch_would_not_have() -> None:
    """The verdict is at most as good as on each release, and `no` only where it is `no` on all of them."""
    dice = random.Random(580)
    differing = undecided = 0
    for _ in range(1500):
        image, node = _driver_decides(dice)
        partial = DriverVersion.parse(dice.choice(PARTIAL))
        known = {each for each in DRIVERS if each != "x" and partial.may_be(DriverVersion.parse(each))}
        last = f"{partial}.999.99" if len(partial.parts) == 1 else f"{partial}.999"
        grades = {_grade(image, replace(node, driver_version=text)) for text in {*known, partial.first_release, last}}
        grade = _grade(image, replace(node, driver_version=str(partial)))
        assert grade is not Grade.NO or grades == {Grade.NO}, (image, node, partial, grades)
        if grade is not Grade.UNKNOWN:
            assert ORDER[grade] >= max(ORDER[each] for each in grades), (image, node, partial, grades)
        differing += len(grades) > 1
        undecided += grade is Grade.UNKNOWN and Grade.UNKNOWN not in grades
    assert differing > 100
    assert undecided > 50


def _grade(image: Image, node: Node) -> Grade:
    return judge_without_remedies(ImageRequirements(image, TABLES), NodeCapabilities(node, TABLES), TODAY).grade
