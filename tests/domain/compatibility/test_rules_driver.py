"""Rules 3, 9 and 10 by small cases: the driver, forward-compatibility libraries, compiling at run time."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import (
    A6000,
    COMPAT,
    CUDA_12_4,
    FORWARD,
    OLD_T4,
    RTX3090,
    T4,
    codes,
    reason,
    verdict,
)

# 3. Driver


@pytest.mark.parametrize(
    ("cuda", "driver", "grade"),
    [
        ("12.4.1", "550.54.15", Grade.NATIVE),
        ("12.4.1", "550.54.14", Grade.MINOR),
        ("12.4.0", "550.54.14", Grade.NATIVE),
        ("12.4.1", "999.1", Grade.NATIVE),
        ("12.4.1", "525.60.13", Grade.MINOR),
        ("12.4.1", "525.60.12", Grade.NO),
        ("11.8.0", "450.80.02", Grade.MINOR),
        ("11.8.0", "450.36.06", Grade.NO),
        ("11.8.0", "450.119.04", Grade.MINOR),
        ("13.0.0", "580.65.06", Grade.NATIVE),
        ("13.2.0", "580.65.06", Grade.MINOR),
        ("10.2.89", "440.33", Grade.NATIVE),
        ("10.2.89", "418.39", Grade.NO),
        ("99.0", "580.65.06", Grade.UNKNOWN),
        ("latest", "580.65.06", Grade.UNKNOWN),
        ("12.4.1", "R550", Grade.UNKNOWN),
    ],
)
def test_drivers(cuda: str, driver: str, grade: Grade) -> None:
    image = Image(cuda=cuda, kernel_architectures=framework_kernels("7.0"), compiles_at_runtime=False)
    assert verdict(image, replace(T4, driver_version=driver)).grade is grade


def test_the_remedy_names_the_smallest_driver_and_the_cuda_releases_that_would_do() -> None:
    actual = reason(CUDA_12_4, replace(A6000, driver_version="470.57.02"), "driver_too_old")
    assert (actual.grade, actual.needed, actual.found) == (Grade.NO, ">=525.60.13", "470.57.02")
    assert actual.remedy == (
        "Upgrade the driver to 525.60.13 or later (550.54.15 or later for native), "
        "or use an image built with CUDA 11.8 (or as old as 11.0)."
    )


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (FORWARD, OLD_T4, Grade.FORWARD),
        (replace(FORWARD, compat_activation=None), OLD_T4, Grade.FORWARD),
        (replace(FORWARD, compat_activation="never"), OLD_T4, Grade.NO),
        (replace(FORWARD, compat_package=None, compat_activation=None), OLD_T4, Grade.NO),
        (FORWARD, replace(OLD_T4, driver_version="460.32.03"), Grade.NO),
        (FORWARD, replace(OLD_T4, gpu_name=None, gpu_brand=None), Grade.UNKNOWN),
        (FORWARD, replace(RTX3090, driver_version="470.57.02"), Grade.NO),
        (replace(FORWARD, compat_package=CompatLibraries("9.2", None), cuda="9.2.148"), OLD_T4, Grade.NO),
    ],
)
def test_forward_compatibility(image: Image, node: Node, grade: Grade) -> None:
    assert verdict(image, node).grade is grade


def test_a_compat_branch_that_dropped_the_gpu_gives_no_forward() -> None:
    image = Image(
        cuda="13.2.0",
        compat_package=CompatLibraries("13.2", "595.45.04"),
        kernel_architectures=framework_kernels("6.0"),
    )
    p100 = Node("535.104.05", "6.0", gpu_name="Tesla P100", gpu_brand="Tesla", architecture="amd64")
    assert verdict(image, p100).grade is Grade.NO
    assert "no longer supports" in reason(image, p100, "driver_too_old").detail


# 9. Compat libraries

FIRST = Image(
    cuda="12.4.1",
    compat_package=COMPAT,
    compat_activation="always",
    kernel_architectures=framework_kernels("7.5", "8.0"),
)


@pytest.mark.parametrize(
    ("node", "grade", "code"),
    [
        (replace(RTX3090, driver_version="535.104.05"), Grade.NO, "compat_on_wrong_gpu"),
        (replace(RTX3090, driver_version="550.54.15"), Grade.NATIVE, None),
        (replace(RTX3090, driver_version="560.28.03"), Grade.NO, "compat_older_than_driver"),
        (T4, Grade.MINOR, "driver_too_old"),
        (replace(T4, driver_version="560.28.03"), Grade.NO, "compat_older_than_driver"),
        (replace(T4, gpu_name=None, gpu_brand=None), Grade.UNKNOWN, "fact_missing"),
    ],
)
def test_compat_libraries_on_the_loader_path(node: Node, grade: Grade, code: str | None) -> None:
    actual = verdict(FIRST, node)
    assert actual.grade is grade
    assert code is None or actual.reasons[0].code == code


def test_compat_libraries_that_may_come_first_are_a_caveat() -> None:
    maybe = replace(FIRST, compat_activation=None)
    older = replace(RTX3090, driver_version="535.104.05")
    assert verdict(maybe, older).grade is Grade.MINOR
    assert reason(maybe, older, "compat_on_wrong_gpu").grade is Grade.CAVEAT
    assert "compat_on_wrong_gpu" not in codes(replace(FIRST, compat_activation="never"), older)


def test_only_a_branch_is_known_of_the_compat_package() -> None:
    branch = replace(FIRST, compat_package=CompatLibraries("12.4", "550"))
    assert verdict(branch, replace(RTX3090, driver_version="550.120")).grade is Grade.NATIVE
    assert verdict(branch, replace(RTX3090, driver_version="555.42.02")).grade is Grade.NO


# 10. Compiling at run time


@pytest.mark.parametrize(
    ("node", "grade"), [(T4, Grade.NO), (OLD_T4, Grade.NO), (replace(T4, driver_version="550.54.15"), Grade.NATIVE)]
)
def test_compiling_at_run_time_needs_a_native_driver(node: Node, grade: Grade) -> None:
    image = replace(FORWARD, compat_activation="never", compiles_at_runtime="ptx")
    assert verdict(image, node).grade is grade
    assert ("ptx_needs_newer_driver" in codes(image, node)) == (node is T4)


def test_not_knowing_whether_it_compiles_is_a_caveat_under_minor() -> None:
    actual = reason(CUDA_12_4, T4, "ptx_needs_newer_driver")
    assert actual.grade is Grade.CAVEAT
    assert (
        actual.remedy
        == "Upgrade the driver to 550.54.15 or later, or use an image built with CUDA 12.2 (or as old as 9.0)."
    ), "12.3 and 12.4 run on this driver, but it cannot read their PTX"
    assert verdict(CUDA_12_4, T4).grade is Grade.MINOR
