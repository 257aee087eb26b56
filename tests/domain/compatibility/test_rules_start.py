"""Rule 6 by small cases: start conditions, and remedies that lead to an image that starts."""

import re
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import (
    A6000,
    CUDA_12_4,
    H100,
    T4,
    TORCH,
    codes,
    reason,
    verdict,
)

# 6. Start conditions

REQUIRES_12_4 = (("NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=tesla,driver>=535,driver<536"),)
STARTS = replace(CUDA_12_4, requirements=REQUIRES_12_4, compiles_at_runtime=False)

# Before driver 470 NVML calls every data-centre GPU Tesla, so the name is enough.
OLD_STARTS = replace(
    TORCH, cuda="11.2.2", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=11.2 brand=tesla,driver>=450,driver<451"),)
)


def test_an_unmet_start_condition_can_be_switched_off_where_the_image_would_run() -> None:
    actual = reason(STARTS, A6000, "start_condition")
    assert actual.grade is Grade.NO
    assert "unsatisfied condition: cuda>=12.4" in actual.detail
    assert actual.found == "cuda 12.2, driver 535.104.05, arch 8.6, brand nvidiartx"
    assert actual.remedy == (
        "Start the container with NVIDIA_DISABLE_REQUIRE=1, or upgrade the driver to 550.54.14 or later."
    )
    too_old = reason(STARTS, replace(A6000, driver_version="470.57.02"), "start_condition")
    assert too_old.remedy == "Upgrade the driver to 550.54.14 or later."


@pytest.mark.parametrize("variable", [("NVIDIA_REQUIRE_CUDA", "cuda>=x"), ("CUDA_VERSION", "cu12")])
def test_conditions_that_cannot_be_read_are_switched_off_only_where_the_image_would_run(
    variable: tuple[str, str],
) -> None:
    image = replace(TORCH, requirements=(variable,))
    assert "NVIDIA_DISABLE_REQUIRE=1" in (reason(image, A6000, "start_condition").remedy or "")
    old = reason(image, replace(A6000, driver_version="470.57.02"), "start_condition")
    assert old.remedy == "Use an image built with CUDA 11.8 (or as old as 11.0)."


LISTED = "cuda>=12.6 brand=tesla,driver>=470,driver<471 brand=tesla,driver>=535,driver<536 brand=nvidia,driver>=535,driver<536"


@pytest.mark.parametrize(
    ("cuda", "condition", "driver", "remedy"),
    [
        ("12.6.3", LISTED, "530.30.02", "branch 535"),
        ("12.6.3", LISTED, "450.119.04", "branch 535"),
        ("12.6.3", LISTED, "545.23.08", "560.28.03 or later"),
        ("11.2.2", "cuda>=11.2 brand=tesla,driver>=450,driver<451", "440.33.01", "450.80.02 or later of branch 450"),
        ("11.2.2", "brand=tesla,driver<=440", "445.1", None),
        ("99.1", "cuda>=99.1", "535.104.05", None),
    ],
)
def test_the_remedy_of_a_start_condition_is_the_smallest_driver_that_meets_it_and_runs_the_image(
    cuda: str, condition: str, driver: str, remedy: str | None
) -> None:
    image = Image(cuda=cuda, requirements=(("NVIDIA_REQUIRE_CUDA", condition),))
    actual = reason(image, replace(T4, driver_version=driver), "start_condition").remedy or ""
    assert re.findall(r"upgrade the driver to (.*)\.$", actual, re.IGNORECASE) == ([] if remedy is None else [remedy])


def test_forward_compatibility_has_a_caveat_where_nothing_says_that_its_libraries_come_first() -> None:
    image = replace(CUDA_12_4, compat_package=CompatLibraries("12.4", "550.54.15"))
    old = replace(T4, driver_version="470.57.02")
    actual = reason(image, old, "fact_missing")
    assert (verdict(image, old).grade, actual.grade, actual.needed) == (
        Grade.FORWARD,
        Grade.CAVEAT,
        "compat_activation",
    )
    assert "fact_missing" not in codes(replace(image, compat_activation="always"), old)
    assert "fact_missing" not in codes(image, T4)


def test_no_remedy_asks_for_a_driver_that_does_not_support_the_gpu() -> None:
    k80 = Node("418.226.00", "3.7", gpu_name="Tesla K80", gpu_brand="Tesla", architecture="amd64")
    image = Image(cuda="11.8.0", kernel_architectures=framework_kernels("3.7"), compiles_at_runtime=False)
    assert reason(image, k80, "driver_too_old").remedy == (
        "Upgrade the driver to 450.80.02 or later, or use an image built with CUDA 10.1 (or as old as 7.0)."
    )
    compiling = replace(image, compiles_at_runtime="ptx")
    assert reason(compiling, k80, "driver_too_old").remedy == "Use an image built with CUDA 10.1 (or as old as 7.0)."
    newest = replace(k80, driver_version="470.256.02")
    assert reason(compiling, newest, "driver_too_old").remedy == "Nothing is needed."
    last = "The last driver branch that supports Tesla K80 (compute capability 3.7) is 470."
    ptx = reason(compiling, newest, "ptx_needs_newer_driver")
    assert ptx.remedy == "Use an image built with CUDA 11.4 (or as old as 7.0)."
    assert ptx.detail.endswith(last)
    cuda_12 = replace(image, cuda="12.1.1", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.1"),))
    for code in ("driver_too_old", "start_condition"):
        assert reason(cuda_12, newest, code).remedy == "Use an image built with CUDA 11.8 (or as old as 7.0)."
    assert reason(cuda_12, newest, "driver_too_old").detail.endswith(last)
    own = reason(replace(image, min_driver="550"), newest, "below_own_minimum")
    assert own.remedy == "No change of this node is known to make it run: use a newer GPU."
    assert own.detail.endswith(last)


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (STARTS, T4, Grade.MINOR),
        (STARTS, A6000, Grade.NO),
        (replace(STARTS, disable_require=True), A6000, Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="cdi"), Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="jit-cdi"), Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="legacy"), Grade.NO),
        (STARTS, replace(A6000, runtime_mode="csv"), Grade.NO),
        (STARTS, replace(A6000, gpu_brand=None, gpu_name=None), Grade.UNKNOWN),
        (STARTS, replace(T4, gpu_brand=None), Grade.UNKNOWN),
        (OLD_STARTS, replace(T4, gpu_brand=None, driver_version="450.119.04"), Grade.MINOR),
        (STARTS, replace(A6000, gpu_brand=None, gpu_name="NVIDIA GeForce RTX 3090"), Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_CUDA", ""),)), A6000, Grade.MINOR),
        (replace(STARTS, requirements=(("CUDA_VERSION", "12.4.1"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("CUDA_VERSION", "12.2.0"),)), T4, Grade.MINOR),
        (replace(STARTS, requirements=(("CUDA_VERSION", "cu12.6"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=twelve"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_ARCH", "arch>=8.0"),)), T4, Grade.NO),
        (replace(STARTS, requirements=()), A6000, Grade.MINOR),
    ],
)
def test_start_conditions(image: Image, node: Node, grade: Grade) -> None:
    assert verdict(image, node).grade is grade


@pytest.mark.parametrize(
    ("brand", "word"),
    [
        ("Tesla", "tesla"), ("Nvidia", "nvidia"), ("NvidiaRTX", "nvidiartx"), ("NVIDIA RTX", "nvidiartx"),
        ("GeForce", "geforce"), ("GeForce RTX", "geforcertx"), ("Quadro RTX", "quadrortx"), ("TITAN", "titan"),
        ("GRID", "grid"), ("NvidiaVWS", "vws"), ("NVML_BRAND_NVIDIA_VCS", "vcs"), ("Unknown", "unknown"),
        ("NvidiaCloudGaming", "cloudgaming"),
    ],
)  # fmt: skip
def test_brands_as_nvml_names_them_are_those_of_conditions(brand: str, word: str) -> None:
    image = replace(CUDA_12_4, requirements=(("NVIDIA_REQUIRE_CUDA", f"brand={word}"),))
    assert verdict(image, replace(T4, gpu_brand=brand, gpu_name=None)).grade is Grade.MINOR


def test_jit_needs_a_native_driver() -> None:
    image = Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0+PTX"), compiles_at_runtime=False)
    assert verdict(image, H100).grade is Grade.JIT
    older = replace(H100, driver_version="535.104.05")
    assert verdict(image, older).grade is Grade.NO
    assert "error 222" in reason(image, older, "ptx_needs_newer_driver").detail
