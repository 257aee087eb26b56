"""Every rule by small cases: the grade, the reason's code, and what the remedy tells people to do."""

import datetime
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade, ReasonCode, Verdict
from tests.domain.compatibility.examples import (
    A6000,
    CPU_BOX,
    H100,
    ORIN,
    RTX3090,
    T4,
    TODAY,
    TORCH,
    codes,
    reason,
    verdict,
)

# 1. Platform


def test_the_platform_must_be_among_the_images() -> None:
    arm = replace(TORCH, architectures=("arm64",))
    assert verdict(arm, RTX3090).grade is Grade.NO
    assert reason(arm, RTX3090, "wrong_platform").remedy == "Use an image that is built for amd64."
    both = replace(TORCH, architectures=("linux/amd64", "aarch64"))
    assert verdict(both, RTX3090) == Verdict(Grade.NATIVE, ())
    assert verdict(both, replace(RTX3090, architecture="x86_64")) == Verdict(Grade.NATIVE, ())
    assert reason(arm, replace(RTX3090, architecture=None), "wrong_platform").grade is Grade.CAVEAT
    unknown = replace(arm, architectures=None)
    assert reason(unknown, replace(RTX3090, architecture="arm64"), "wrong_platform").grade is Grade.CAVEAT
    assert "wrong_platform" not in codes(unknown, RTX3090)


# 2. No GPU


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (Image(cpu=True), CPU_BOX, Grade.CPU),
        (Image(cpu=True, cuda="12.4.1"), CPU_BOX, Grade.CPU),
        (Image(cpu=True), RTX3090, Grade.CPU),
        (replace(TORCH, cpu=True), RTX3090, Grade.NATIVE),
        (replace(TORCH, cpu=True), replace(RTX3090, driver_version="470.57.02"), Grade.CPU),
        (TORCH, CPU_BOX, Grade.NO),
        (Image(cpu=True, architectures=("arm64",)), CPU_BOX, Grade.NO),
    ],
)
def test_images_on_nodes_with_and_without_gpu(image: Image, node: Node, grade: Grade) -> None:
    assert verdict(image, node).grade is grade


@pytest.mark.parametrize("number", ["12.4", "9", "31.0.15.5222"])
def test_a_number_that_no_nvidia_driver_has_is_no_old_driver(number: str) -> None:
    """Such as the CUDA release that nvidia-smi shows beside it, or what Windows calls the driver; AMD's do have such numbers."""
    judged = reason(TORCH, replace(RTX3090, driver_version=number), "fact_missing")
    assert (judged.grade, judged.remedy) == (
        Grade.UNKNOWN,
        "Report the node's driver_version as nvidia-smi prints it.",
    )
    assert verdict(TORCH, replace(RTX3090, driver_version=number)).grade is Grade.UNKNOWN


def test_an_image_that_falls_back_to_the_cpu_says_why() -> None:
    actual = verdict(replace(TORCH, cpu=True), replace(RTX3090, driver_version="470.57.02"))
    assert actual.grade is Grade.CPU
    assert actual.reasons[0].code == "driver_too_old"
    assert reason(TORCH, CPU_BOX, "needs_gpu").grade is Grade.NO


def test_an_image_without_cuda_that_does_not_work_on_the_cpu_is_unknown() -> None:
    assert verdict(Image(), RTX3090).grade is Grade.UNKNOWN
    assert reason(Image(), RTX3090, "fact_missing").remedy == "Enter the image's CUDA version."


# 4. Stated minimum


@pytest.mark.parametrize(
    ("asked", "capability", "grade"),
    [
        ("Ampere", "8.6", Grade.NATIVE),
        ("ampere", "7.5", Grade.NO),
        ("Rubin", "12.0", Grade.NO),
        ("Blackwell", "10.7", Grade.NATIVE),
        ("Blackwell", "12.0", Grade.NATIVE),
        ("Blackwell (Thor and RTX)", "10.0", Grade.NATIVE),
        ("Feynman", "12.0", Grade.UNKNOWN),
        ("Ampere", "1.3", Grade.UNKNOWN),
    ],
)
def test_generations_are_ordered_by_rank(asked: str, capability: str, grade: Grade) -> None:
    everything = tuple(f"{major}.0" for major in range(1, 13))
    image = Image(cuda="12.8.0", min_generation=asked, kernel_architectures=framework_kernels(*everything))
    assert verdict(image, replace(H100, compute_capability=capability)).grade is grade


def test_a_node_may_say_its_generation_only() -> None:
    ada = Node("580.65.06", hardware_generation="Ada Lovelace", architecture="amd64")
    assert verdict(replace(TORCH, min_generation="Ampere"), ada).grade is Grade.NATIVE
    assert verdict(replace(TORCH, min_generation="Hopper"), ada).grade is Grade.NO
    # 8.0 code runs on all of Ampere, 8.6 code only on some of it.
    ampere = Node("580.65.06", hardware_generation="ampere", architecture="amd64")
    assert verdict(replace(TORCH, kernel_architectures=framework_kernels("8.0")), ampere).grade is Grade.NATIVE
    assert verdict(replace(TORCH, kernel_architectures=framework_kernels("8.6")), ampere).grade is Grade.UNKNOWN


# 5. Kernels of the release


@pytest.mark.parametrize(
    ("cuda", "capability", "grade", "code"),
    [
        ("11.1.1", "8.9", Grade.NATIVE, None),
        ("11.1.1", "9.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("13.0.0", "6.0", Grade.NO, "gpu_dropped_by_cuda"),
        ("12.8.0", "12.1", Grade.NATIVE, None),
        ("12.6.0", "12.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("11.0.3", "3.0", Grade.NO, "gpu_dropped_by_cuda"),
        ("11.8.0", "3.5", Grade.NATIVE, None),
        ("12.0.0", "99.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("12.0.0", "1.3", Grade.NO, "gpu_dropped_by_cuda"),
    ],
)
def test_kernels_of_the_cuda_release(cuda: str, capability: str, grade: Grade, code: str | None) -> None:
    actual = verdict(Image(cuda=cuda), replace(H100, compute_capability=capability))
    assert actual.grade is grade
    assert (code in {reason.code for reason in actual.reasons}) == (code is not None)
    assert actual.reasons[-1].code == "arch_list_unknown"


def test_remedies_name_the_cuda_release_for_the_gpu() -> None:
    newer = reason(Image(cuda="11.1.1"), H100, "gpu_newer_than_cuda")
    assert newer.remedy == "Use an image built with CUDA 11.8 or later."
    dropped = reason(Image(cuda="13.0.0"), replace(H100, compute_capability="6.0"), "gpu_dropped_by_cuda")
    assert dropped.remedy == "Use an image built with CUDA 12.9 or earlier."


# 7. Not usable at all


def test_images_out_of_use() -> None:
    assert codes(replace(TORCH, deleted=True), RTX3090) == ["withdrawn"]
    withdrawn = reason(replace(TORCH, withdrawn_reason="wrong weights."), RTX3090, "withdrawn")
    assert withdrawn.detail == "The image was withdrawn: wrong weights."
    assert codes(replace(TORCH, missing_in_registry=True), CPU_BOX) == ["missing_in_registry", "needs_gpu"]


@pytest.mark.parametrize(("days", "grade"), [(-1, Grade.NO), (0, Grade.CAVEAT), (1, Grade.CAVEAT)])
def test_the_end_of_life_is_a_caveat_until_it_has_passed(days: int, grade: Grade) -> None:
    image = replace(TORCH, end_of_life=TODAY + datetime.timedelta(days=days))
    assert reason(image, RTX3090, "end_of_life").grade is grade
    assert verdict(image, RTX3090).grade is (Grade.NO if grade is Grade.NO else Grade.NATIVE)


# 8. Kernels of the build


@pytest.mark.parametrize(
    ("kernels", "capability", "grade"),
    [
        (("8.0",), "8.9", Grade.NATIVE),
        (("8.6",), "8.0", Grade.NO),
        (("8.0",), "9.0", Grade.NO),
        (("8.0+PTX",), "9.0", Grade.JIT),
        (("12.0+PTX",), "9.0", Grade.NO),
        (("9.0a",), "9.0", Grade.NATIVE),
        (("9.0a+PTX",), "10.0", Grade.NO),
        (("10.0a",), "10.3", Grade.NO),
        (("10.0f",), "10.3", Grade.NATIVE),
        (("10.0f",), "10.7", Grade.NO),
        (("12.0f",), "12.1", Grade.NATIVE),
        (("sm_80", "compute_90"), "9.0", Grade.JIT),
        (("sm_120",), "12.1", Grade.NATIVE),
        ((), "9.0", Grade.NO),
    ],
)
def test_kernels_of_the_build(kernels: tuple[str, ...], capability: str, grade: Grade) -> None:
    image = Image(cuda="12.8.0", kernel_architectures=framework_kernels(*kernels))
    assert verdict(image, replace(H100, compute_capability=capability)).grade is grade


def test_the_build_counts_instead_of_the_release() -> None:
    p100 = replace(H100, compute_capability="6.0", gpu_name="Tesla P100")
    kaggle = Image(cuda="12.8.0", framework="PyTorch", framework_version="2.8.0")
    actual = reason(kaggle, p100, "gpu_not_in_build")
    assert actual.grade is Grade.NO
    assert actual.found == "7.0 7.5 8.0 8.6 9.0 10.0 12.0"
    assert "arch_list_unknown" not in codes(kaggle, p100)
    assert verdict(replace(kaggle, cuda="12.6.3"), p100).grade is Grade.NATIVE
    unreadable = replace(kaggle, framework="other", kernel_architectures=framework_kernels("all"))
    assert "arch_list_unknown" in codes(unreadable, p100)


# 11. Own minimums


def test_own_minimums() -> None:
    assert reason(replace(TORCH, min_driver="590"), RTX3090, "below_own_minimum").needed == ">=590"
    cudnn = replace(TORCH, min_compute_capability="7.5")
    assert verdict(cudnn, T4).grade is Grade.NATIVE
    assert reason(cudnn, replace(T4, compute_capability="6.1"), "below_own_minimum").found == "6.1"
    assert verdict(cudnn, replace(T4, compute_capability=None)).grade is Grade.NATIVE
    assert verdict(cudnn, replace(T4, compute_capability=None, gpu_name=None)).grade is Grade.UNKNOWN


# 12. The node's own state


def test_the_fabric() -> None:
    assert reason(TORCH, replace(H100, fabric_ready=False), "fabric_not_ready").grade is Grade.NO
    for ready in (True, None):
        assert verdict(TORCH, replace(H100, fabric_ready=ready)) == Verdict(Grade.NATIVE, ())


L4T = (("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (Image(cuda="12.2.2"), ORIN, Grade.UNKNOWN),
        (Image(cuda="12.2.2", requirements=L4T), ORIN, Grade.NATIVE),
        (Image(cuda="11.4.2", requirements=L4T), ORIN, Grade.NO),
        (Image(cuda="12.2.2", requirements=L4T), H100, Grade.UNKNOWN),
        (Image(cuda="12.8.0", kernel_architectures=framework_kernels("8.0", "8.6")), ORIN, Grade.UNKNOWN),
        (Image(cuda="12.8.0", kernel_architectures=framework_kernels("8.7"), requirements=L4T), ORIN, Grade.NATIVE),
    ],
)
def test_tegra_is_a_family_of_its_own(image: Image, node: Node, grade: Grade) -> None:
    assert verdict(image, node).grade is grade


@pytest.mark.parametrize(
    "node",
    [
        replace(RTX3090, gpu_name="GRID A100-40C"),
        replace(RTX3090, gpu_name="NVIDIA L40S-48Q"),
        replace(RTX3090, gpu_brand="NvidiaVCS"),
        replace(RTX3090, gpu_brand="GRID"),
    ],
)
def test_a_virtual_gpu_is_a_caveat(node: Node) -> None:
    assert reason(TORCH, node, "virtual_gpu").grade is Grade.CAVEAT
    assert verdict(TORCH, node).grade is Grade.NATIVE
    assert "virtual_gpu" not in codes(TORCH, replace(RTX3090, gpu_name="NVIDIA A100-SXM4-40GB"))


# All reasons at once


def test_every_reason_is_given_the_worst_first() -> None:
    image = Image(
        cuda="13.0.0",
        min_generation="Hopper",
        min_driver="600",
        architectures=("arm64",),
        missing_in_registry=True,
        requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=13.0"),),
    )
    node = Node("470.57.02", "6.0", gpu_name="GRID P100", architecture="amd64", fabric_ready=False)
    actual = verdict(image, node)
    assert actual.grade is Grade.NO
    assert [reason.code for reason in actual.reasons] == [
        "missing_in_registry", "wrong_platform", "driver_too_old", "generation_too_old", "gpu_dropped_by_cuda",
        "start_condition", "below_own_minimum", "fabric_not_ready", "virtual_gpu", "arch_list_unknown",
    ]  # fmt: skip
    for item in actual.reasons:
        assert item.code in ReasonCode
        assert item.source
        assert item.detail.endswith(".")
        assert item.remedy is not None
        assert item.remedy.endswith(".")


def test_without_facts_nothing_but_caveats() -> None:
    actual = verdict(Image(cuda="12.2.2"), A6000)
    assert actual.grade is Grade.NATIVE
    assert [(reason.grade, reason.code) for reason in actual.reasons] == [(Grade.CAVEAT, "arch_list_unknown")]
