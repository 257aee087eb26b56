"""Rules 11 to 14: accelerators, sizes, the state of machines and Tegra."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.gfx import grade_on_target
from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import (
    A6000,
    CPU_BOX,
    H100,
    ORIN,
    RTX3090,
    T4,
    TABLES,
    TORCH,
    codes,
    reason,
    verdict,
)

GIB = 1 << 30
MI300X = Node("6.12.12", gpu_name="AMD Instinct MI300X", architecture="amd64")
ROCM = Image(accelerator="rocm", rocm_version="6.4.1", kernel_architectures=framework_kernels("gfx90a", "gfx942"))
THOR = Node("580.00", "11.0", gpu_name="NVIDIA Thor", architecture="arm64", l4t_version="38.2")

# 14. Accelerator


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (ROCM, MI300X, Grade.NATIVE),
        (ROCM, RTX3090, Grade.NO),
        (replace(ROCM, cpu=True), RTX3090, Grade.NO),
        (replace(ROCM, cpu=True), CPU_BOX, Grade.CPU),
        (ROCM, CPU_BOX, Grade.NO),
        (TORCH, MI300X, Grade.NO),
        (replace(TORCH, cpu=True), MI300X, Grade.CPU),
        (Image(accelerator="ascend", cpu=True), RTX3090, Grade.NO),
        (Image(accelerator="ascend"), Node(gpu_name="Ascend 910B"), Grade.UNKNOWN),
        (Image(cuda="12.8.1", framework="PyTorch", framework_version="2.9.1+rocm7.2"), RTX3090, Grade.NO),
        (replace(ROCM, framework="PyTorch", framework_version="2.12.0+cu130"), MI300X, Grade.NO),
        (Image(rocm_version="6.3.1"), RTX3090, Grade.NO),
        (Image(), MI300X, Grade.UNKNOWN),
        (ROCM, Node(accelerator="rocm", target="gfx942", driver_version="30.10.1"), Grade.NATIVE),
        (ROCM, Node("6.12.12"), Grade.UNKNOWN),
    ],
)
def test_an_image_is_for_one_kind_of_gpu(image: Image, node: Node, grade: Grade) -> None:
    actual = verdict(image, node)
    assert actual.grade is grade, actual
    assert not {"driver_too_old", "gpu_dropped_by_cuda"} & set(codes(image, node)) or node == RTX3090


def test_an_image_that_needs_the_driver_and_no_cuda() -> None:
    encoder = Image(needs_driver=True)
    assert verdict(encoder, A6000).grade is Grade.NATIVE
    assert verdict(replace(encoder, cpu=True), A6000).grade is Grade.NATIVE
    assert verdict(replace(encoder, cpu=True), CPU_BOX).grade is Grade.NO
    assert verdict(encoder, Node(gpu_name="4090")).grade is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("code", "target", "grade"),
    [
        ("gfx942", "gfx942", Grade.NATIVE), ("gfx942", "gfx942:sramecc+:xnack-", Grade.NATIVE), ("gfx90a", "gfx942", Grade.NO),
        ("gfx90a:xnack+", "gfx90a:sramecc+:xnack-", Grade.NO), ("gfx90a:xnack-", "gfx90a:xnack-", Grade.NATIVE),
        ("gfx90a:xnack+", "gfx90a", Grade.UNKNOWN), ("gfx90a:xnack+ gfx90a:xnack-", "gfx90a", Grade.NATIVE),
        ("gfx11-generic", "gfx1151", Grade.NATIVE), ("gfx9-generic", "gfx906", Grade.NATIVE), ("gfx9-generic", "gfx908", Grade.NO),
        ("gfx9-generic", "gfx90a", Grade.NO), ("gfx9-4-generic", "gfx950", Grade.NATIVE), ("gfx10-3-generic", "gfx1032", Grade.NATIVE),
        ("gfx1030", "gfx1032", Grade.NO), ("gfx12-generic", "gfx1299", Grade.UNKNOWN), ("gfx1201", "gfx1299", Grade.NO),
        ("gfx1299", "gfx1299", Grade.NATIVE), ("gfx11-generic", "gfx1299", Grade.NO), ("gfx942", "MI300X", Grade.UNKNOWN),
        ("", "gfx942", Grade.NO),
    ],
)  # fmt: skip
def test_code_for_amd(code: str, target: str, grade: Grade) -> None:
    assert grade_on_target(code.split(), target, TABLES) is grade


def test_amd_needs_code_in_every_library() -> None:
    image = replace(ROCM, kernel_architectures=(("torch", ("gfx942", "gfx1030")), ("vllm", ("gfx942",))))
    assert verdict(image, MI300X).grade is Grade.NATIVE
    navi = replace(MI300X, gpu_name="AMD Radeon RX 6600")
    missing = reason(image, navi, "gpu_not_in_build")
    assert (missing.needed, missing.grade) == ("code for gfx1032", Grade.NO)
    assert "HSA_OVERRIDE_GFX_VERSION" in missing.detail
    assert reason(replace(image, kernel_architectures=None), navi, "arch_list_unknown").grade is Grade.CAVEAT
    assert verdict(image, replace(MI300X, gpu_name="AMD Radeon Graphics")).grade is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("driver", "rocm", "tested"),
    [
        ("6.12.12", "6.4.1", True), ("6.4.3", "6.4.1", True), ("6.10.5", "7.0.2", True), ("6.10.5", "7.1", False), ("6.8.5", "7.0", True),
        ("6.3.4", "6.4", True), ("30.10.1", "6.2", True), ("30.10", "6.1", False), ("31.30", "7.1", False), ("99.1", "6.4", False),
        ("31.50", "11.0", False), ("5.18.13", "5.7", False), ("6.16.13.30300000", "7.2", True),
    ],
)  # fmt: skip
def test_the_driver_and_rocm_are_a_tested_pair(driver: str, rocm: str, tested: bool) -> None:
    image, node = replace(ROCM, rocm_version=rocm), replace(MI300X, driver_version=driver)
    assert ("driver_not_tested" not in codes(image, node)) is tested
    assert verdict(image, node).grade is Grade.NATIVE


def test_an_amdgpu_driver_of_a_linux_kernel_leaves_it_open() -> None:
    in_tree = replace(MI300X, driver_version=None, kernel_version="6.14")
    assert reason(ROCM, in_tree, "driver_not_tested").grade is Grade.UNKNOWN
    assert reason(ROCM, replace(in_tree, kernel_version=None), "driver_not_tested").grade is Grade.CAVEAT
    unstated = replace(ROCM, rocm_version=None, framework_version="2.9.1+rocm6.4")
    assert codes(unstated, MI300X) == []
    assert reason(replace(ROCM, rocm_version=None), MI300X, "driver_not_tested").grade is Grade.CAVEAT


STRIX_HALO = Node(target="gfx1151", accelerator="rocm", architecture="amd64")


@pytest.mark.parametrize(
    ("kernel", "rocm", "grade"),
    [
        ("6.18.4-200.fc43.x86_64", "7.1.1", Grade.NO),
        ("7.0.0-27-generic", "6.4.4", Grade.NO),
        ("6.14.0-1018-oem", "7.0.2", Grade.NO),
        ("6.18.4", "7.10", Grade.NO),
        ("6.18.4", "7.2", Grade.UNKNOWN),
        ("6.18.4", "7.11.0", Grade.UNKNOWN),
        ("6.18.3", "7.1.1", Grade.UNKNOWN),
        ("6.14.0-37-generic", "7.1.1", Grade.UNKNOWN),
    ],
)
def test_a_kernel_with_the_right_sizes_of_queues_refuses_older_releases_on_gfx1151(
    kernel: str, rocm: str, grade: Grade
) -> None:
    image = replace(ROCM, rocm_version=rocm, kernel_architectures=framework_kernels("gfx1151", "gfx1100"))
    node = replace(STRIX_HALO, kernel_version=kernel)
    assert reason(image, node, "driver_not_tested").grade is grade
    assert reason(image, replace(node, target="gfx1100"), "driver_not_tested").grade is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("version", "target", "grade"),
    [
        ("2.7.1+rocm6.3", "gfx1101", Grade.NATIVE),
        ("2.7.1+rocm6.3", "gfx1103", Grade.NO),
        ("2.5.1+rocm6.2", "gfx1010", Grade.NO),
        ("2.5.1+rocm6.2", "gfx942:sramecc+:xnack-", Grade.NATIVE),
        ("2.11.0+rocm7.2", "gfx1151", Grade.NATIVE),
    ],
)
def test_the_targets_of_pytorchs_own_builds(version: str, target: str, grade: Grade) -> None:
    image = Image(framework="PyTorch", framework_version=version)
    node = Node("30.20", target=target, accelerator="rocm", architecture="amd64")
    assert verdict(image, node).grade is grade
    assert "arch_list_unknown" not in codes(image, node)
    own = replace(image, kernel_architectures=(("flash_attn", ("gfx90a",)),))
    assert verdict(own, node).grade is Grade.NO


@pytest.mark.parametrize(
    "version", ["2.7.1+rocm6.3.4", "2.9.1+rocm7.2.3.lw.git1", "2.10.0.dev20250929+rocm7.0", "2.99.0+rocm9.9"]
)
def test_builds_of_other_makers_and_of_the_night_are_not_pytorchs_own(version: str) -> None:
    node = Node("30.20", target="gfx1151", accelerator="rocm", architecture="amd64")
    found = reason(Image(framework="PyTorch", framework_version=version), node, "arch_list_unknown")
    assert found.grade is Grade.CAVEAT


def test_rocm_in_wsl_needs_a_runtime_that_images_do_not_have() -> None:
    assert reason(ROCM, replace(MI300X, wsl=True), "wsl").grade is Grade.UNKNOWN


# 11. Sizes


@pytest.mark.parametrize(
    ("node", "grades"),
    [
        (replace(A6000, gpu_mem_bytes=48 * GIB), ""),
        (replace(A6000, gpu_mem_bytes=51_527_024_640), "caveat"),
        (replace(A6000, gpu_name=None, gpu_mem_bytes=51_527_024_640), "no"),
        (replace(A6000, gpu_mem_bytes=24 * GIB), "no"),
        (replace(A6000, gpu_name="Frobnicator"), "caveat"),
        (T4, "no"),
        (replace(A6000, gpu_name="NVIDIA A100-SXM4-80GB"), ""),
        (replace(A6000, gpu_name="NVIDIA A100-SXM4-40GB"), "no"),
        (replace(A6000, gpu_name="a100"), "caveat"),
        (replace(A6000, gpu_name="NVIDIA A100-SXM4-80GB", mig_profile="1g.10gb"), "no"),
        (replace(A6000, gpu_name="NVIDIA A100-SXM4-80GB MIG 7g.80gb"), ""),
        (replace(A6000, gpu_name="GRID A100-40C"), "no"),
    ],
)
def test_the_memory_of_the_gpu(node: Node, grades: str) -> None:
    image = replace(TORCH, min_gpu_memory_bytes=48 * GIB)
    assert (
        " ".join(reason.grade for reason in verdict(image, node).reasons if reason.code == "not_enough_memory")
        == grades
    )


def test_shared_memory_and_the_number_of_gpus() -> None:
    image = replace(TORCH, min_shared_memory_bytes=8 * GIB, min_gpus=2)
    assert [reason.grade for reason in verdict(image, A6000).reasons] == [Grade.CAVEAT, Grade.CAVEAT]
    small = replace(A6000, shared_memory_bytes=64 << 20, machine_gpus=1)
    assert codes(image, small) == ["not_enough_memory", "below_own_minimum"]
    two = replace(small, machine_gpus=2)
    assert reason(image, two, "not_enough_memory").remedy == "Start the container with --shm-size=8192m or --ipc=host."
    assert verdict(image, replace(A6000, shared_memory_bytes=8 * GIB, machine_gpus=2)).reasons == ()
    assert verdict(replace(TORCH, min_gpus=1), A6000).reasons == ()


# 12. The state of machines


@pytest.mark.parametrize(
    ("mode", "toolkit", "grade"),
    [
        ("cdi", None, Grade.NO),
        ("legacy", None, Grade.CAVEAT),
        (None, None, Grade.CAVEAT),
        ("auto", "1.18.0", Grade.CAVEAT),
    ],
)
def test_a_cdi_specification_for_another_driver(mode: str | None, toolkit: str | None, grade: Grade) -> None:
    node = replace(A6000, runtime_mode=mode, toolkit_version=toolkit, cdi_driver_version="535.86.10")
    found = [reason.grade for reason in verdict(TORCH, node).reasons if "535.86.10" in reason.detail]
    assert found == [grade]
    assert "made for" not in str(verdict(TORCH, replace(node, cdi_driver_version="535.104.05")))


@pytest.mark.parametrize(
    ("node", "fault", "grade"),
    [
        (replace(ORIN, toolkit_version="1.17.0"), "fail to start on Tegra", Grade.NO),
        (replace(A6000, toolkit_version="1.17.0"), "fail to start on Tegra", None),
        (replace(ORIN, toolkit_version="1.17"), "toolkit 1.17 may have known faults", Grade.CAVEAT),
        (replace(ORIN, toolkit_version="v1.16"), "toolkit v1.16 may have known faults", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.21"), "known faults", None),
        (replace(A6000, toolkit_version="1.17.8", runtime_mode="cdi"), "Alpine", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.17.8", runtime_mode="legacy"), "Alpine", None),
        (replace(A6000, toolkit_version="1.17.8"), "Alpine", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.17.4", runtime_mode="cdi", driver_version="565.57.01"), "565", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.17.4", runtime_mode="cdi"), "565", None),
        (replace(THOR, toolkit_version="1.17.6"), "Thor", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.18.1", runtime_mode="auto"), "without a GPU", Grade.CAVEAT),
        (replace(A6000, toolkit_version="1.18.2", runtime_mode="auto"), "", None),
        (replace(A6000, toolkit_version="1.16.2-1"), "CVE-2024-0132", None),
        (replace(A6000, toolkit_version="9.0"), "", None),
    ],
)  # fmt: skip
def test_faults_of_the_container_toolkit(node: Node, fault: str, grade: Grade | None) -> None:
    found = [
        reason for reason in verdict(TORCH, node).reasons if reason.code == "toolkit_fault" and fault in reason.detail
    ]
    assert [reason.grade for reason in found] == ([] if grade is None else [grade])


def test_virtual_gpus() -> None:
    vgpu = replace(A6000, gpu_name="NVIDIA A10-24Q", gpu_brand=None)
    assert reason(TORCH, replace(vgpu, vgpu_licensed=True), "virtual_gpu").grade is Grade.CAVEAT
    assert reason(TORCH, replace(vgpu, vgpu_licensed=False), "virtual_gpu").grade is Grade.NO
    assert reason(TORCH, replace(vgpu, gpu_name="NVIDIA A10-2B"), "virtual_gpu").grade is Grade.NO


def test_wsl_is_measured_and_not_guessed() -> None:
    assert reason(TORCH, replace(RTX3090, wsl=True), "wsl").grade is Grade.CAVEAT
    for wsl in (False, None):
        assert "wsl" not in codes(TORCH, replace(RTX3090, wsl=wsl, driver_version="551.78"))


# 13. Tegra


@pytest.mark.parametrize(
    ("l4t", "cuda"),
    [("36.4.3", "12.6"), ("35.4.1", "11.4"), ("38.2.1", "13.0"), ("39.2", "13.2"), ("39.9", "13.2"), ("41.0", "13.2"), ("32.7.4", "10.2"),
     ("20.1", None), ("x", None)],
)  # fmt: skip
def test_jetson_linux_gives_the_cuda(l4t: str, cuda: str | None) -> None:
    node = NodeCapabilities(replace(ORIN, l4t_version=l4t), TABLES)
    assert (None if node.l4t_cuda is None else str(node.l4t_cuda)) == cuda


SERVER = Image(cuda="13.0.2", architectures=("arm64",), kernel_architectures=framework_kernels("8.7", "11.0"))


@pytest.mark.parametrize(
    ("image", "node", "grade"),
    [
        (SERVER, THOR, Grade.NATIVE),
        (SERVER, replace(THOR, l4t_version=None), Grade.NATIVE),
        (replace(SERVER, cuda="13.2.0"), THOR, Grade.MINOR),
        (replace(SERVER, cuda="14.0"), THOR, Grade.NO),
        (replace(SERVER, cuda="14.0", compat_package=CompatLibraries("14.0", None)), THOR, Grade.UNKNOWN),
        (replace(SERVER, kernel_architectures=framework_kernels("9.0")), THOR, Grade.NO),
        (replace(SERVER, architectures=("amd64",)), THOR, Grade.NO),
        (SERVER, replace(ORIN, l4t_version="36.4.3"), Grade.UNKNOWN),
        (SERVER, replace(ORIN, l4t_version="39.2"), Grade.NATIVE),
        (SERVER, ORIN, Grade.UNKNOWN),
    ],
)
def test_boards_that_are_arm64_servers(image: Image, node: Node, grade: Grade) -> None:
    assert verdict(image, node).grade is grade, verdict(image, node)


def test_an_image_that_was_built_for_jetson_alone_is_one_for_l4t() -> None:
    only = Image(cuda="12.9.1", kernel_architectures=(("torch", ("8.7",)), ("vllm", ("8.7",))))
    node = replace(ORIN, l4t_version="36.4.0")
    assert verdict(only, node).grade is Grade.NATIVE
    assert verdict(replace(only, cuda="13.0.2"), node).grade is Grade.UNKNOWN
    assert (
        verdict(replace(only, kernel_architectures=(("torch", ("8.7",)), ("vllm", ("8.0", "8.7")))), node).grade
        is Grade.UNKNOWN
    )
    assert verdict(only, H100).grade is Grade.NO


def test_start_conditions_of_a_tegra_go_by_its_jetson_linux() -> None:
    image = Image(
        cuda="12.2.2",
        requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.4"), ("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all")),
    )
    node = replace(ORIN, driver_version="540.4.0", runtime_mode="csv")
    assert "start_condition" not in codes(image, replace(node, l4t_version="36.4.3"))
    assert "start_condition" in codes(image, replace(node, l4t_version="36.2"))


def test_h100_is_none_of_these() -> None:
    assert codes(TORCH, H100) == []
