"""The names of GPUs: what the table of models says of them, and what it leaves open."""

import pytest

from bayplan.domain.compatibility.gfx import parse_target
from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import TABLES, reason, verdict

NAMES = {
    "4090": "8.9", "a100": "8.0", "RTX A6000": "8.6", "NVIDIA GeForce RTX 4090 Laptop GPU": "8.9", "RTX4090": "8.9",
    "NVIDIA A100-SXM4-40GB MIG 1g.5gb": "8.0", "NVIDIA H100 80GB HBM3 MIG 1g.10gb+me": "9.0", "NVIDIA B300 SXM6 AC": "10.3",
    "NVIDIA GB10": "12.1", "NVIDIA GB200": "10.0", "NVIDIA GB300": "10.3", "NVIDIA B200": "10.0", "NVIDIA GH200 480GB": "9.0",
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": "12.0", "NVIDIA RTX PRO 6000 Blackwell Server Edition": "12.0",
    "NVIDIA L20": "8.9", "NVIDIA L40S": "8.9", "L4": "8.9", "NVIDIA H20": "9.0", "NVIDIA H200 NVL": "9.0", "NVIDIA H100 PCIe": "9.0",
    "T4G": "7.5", "NVIDIA A10G": "8.6", "NVIDIA A800-SXM4-80GB": "8.0", "NVIDIA A2": "8.6", "A1000": "8.6", "Tesla K80": "3.7",
    "Quadro P4000": "6.1", "Quadro RTX 6000": "7.5", "NVIDIA RTX 6000 Ada Generation": "8.9", "NVIDIA TITAN V": "7.0",
    "NVIDIA TITAN X (Pascal)": "6.1", "NVIDIA GeForce GTX TITAN X": "5.2", "GeForce GTX 1080 Ti": "6.1", "1080ti": "6.1",
    "GeForce GTX 970": "5.2", "GeForce RTX 4060": "8.9", "4060 Ti": "8.9", "NVIDIA GeForce RTX 5090": "12.0", "MX150": "6.1",
    "NVIDIA RTXA6000-48Q": "8.6", "RTX6000Ada": "8.9", "RTX 6000 Blackwell": "12.0", "Tesla M2090": "2.0", "Radeon RX 6800M": "gfx1031",
    "Orin (nvgpu)": "8.7", "NVIDIA Thor": "11.0", "Jetson AGX Xavier": "7.2", "NVIDIA Tegra X1": "5.3", "Tesla P100-PCIE-16GB": "6.0",
    "GRID A100-40C": "8.0", "NVIDIA L40S-48Q": "8.9", "GRID V100D-32C": "7.0", "GRID RTX6000-24Q": "7.5", "NVIDIA A10-24Q": "8.6",
    "NVIDIA DGX Spark": "12.1", "Tesla V100-SXM2-16GB": "7.0", "NVIDIA RTX 4000 SFF Ada Generation": "8.9", "3060 12GB": "8.6",
    "AMD Instinct MI300X OAM": "gfx942", "MI250X": "gfx90a", "AMD Radeon RX 7900 XTX": "gfx1100", "7900 xtx": "gfx1100",
    "Strix Halo": "gfx1151", "AMD Ryzen AI Max+ 395 w/ Radeon 8060S": "gfx1151", "AMD Radeon 890M": "gfx1150", "MI50": "gfx906",
    "GT1030": "6.1", "teslaT4": "7.5", "4070TiSuper": "8.9", "RTX 4090D": "8.9", "5090D": "12.0", "H100x8": "9.0", "rx7900xt": "gfx1100",
    "QuadroP400": "6.1", "GeForceRTX3090Ti": "8.6", "nvidiaa100": "8.0", "rtx3080ti": "8.6", "7900XTX": "gfx1100", "RX6600": "gfx1032",
    "AMD Radeon RX 6800 XT": "gfx1030", "RX 6700 XT": "gfx1031", "AMD Radeon AI PRO R9700": "gfx1201", "MI355X": "gfx950",
}  # fmt: skip


def capabilities(name: str) -> NodeCapabilities:
    return NodeCapabilities(Node(gpu_name=name), TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_the_capability_or_the_target(name: str) -> None:
    node = capabilities(name)
    assert [*map(str, node.capabilities), *node.targets] == [NAMES[name]]
    assert node.accelerator == ("rocm" if NAMES[name].startswith("gfx") else "cuda")
    assert node.has_gpu


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("RTX 6000", "7.5 8.9"), ("RTX 5000", "7.5 8.9"), ("GTX 860M", "3.0 5.0"), ("TITAN X", "5.2 6.1"),
        ("Quadro RTX 6000 Ada Generation", "8.9"), ("860m", "3.0 5.0 gfx1152"), ("GeForce RTX 6090", ""), ("RTX", ""),
        ("NVIDIA RTX PRO 4000 Rubin Generation", ""), ("AMD Radeon Graphics", ""), ("NVIDIA Graphics Device", ""), ("", ""),
        ("A10000", ""), ("GeForce RTX 7600", ""), ("Ascend 910B3", ""), ("NVIDIA VR200", ""),
    ],
)  # fmt: skip
def test_a_name_that_does_not_say_which_board_it_is_leaves_it_open(name: str, may_be: str) -> None:
    node = capabilities(name)
    assert " ".join([*map(str, node.capabilities), *node.targets]) == may_be
    image = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5"))
    assert verdict(image, Node("535.104.05", gpu_name=name)).grade not in (Grade.CPU, Grade.NATIVE) or may_be == "8.9"


def test_what_all_boards_of_a_name_have_in_common_decides() -> None:
    node = Node("535.104.05", gpu_name="RTX 6000", architecture="amd64")
    both = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5", "8.9"))
    assert verdict(both, node).grade is Grade.NATIVE
    assert verdict(both, Node("535.104.05", gpu_name="RTX 6000", hardware_generation="Turing")).grade is Grade.NATIVE
    turing = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5"))
    assert verdict(turing, node).grade is Grade.UNKNOWN
    assert verdict(turing, Node("535.104.05", gpu_name="RTX 6000", hardware_generation="Turing")).grade is Grade.NATIVE


def test_what_is_measured_goes_before_the_name() -> None:
    assert str(NodeCapabilities(Node(gpu_name="A100", compute_capability="9.0"), TABLES).capability) == "9.0"
    assert NodeCapabilities(Node(gpu_name="MI300X", target="gfx950"), TABLES).targets == ("gfx950",)


def test_a_gpu_by_name_alone_is_never_a_node_without_gpu() -> None:
    works_on_both = Image(cpu=True, cuda="12.1.1", kernel_architectures=framework_kernels("8.9"))
    assert verdict(works_on_both, Node(gpu_name="4090")).grade is Grade.UNKNOWN
    assert reason(works_on_both, Node(gpu_name="4090"), "fact_missing").detail == "The node's driver is not known."
    unknown = Node(gpu_name="Frobnicator 9", architecture="amd64")
    assert "no table has 'Frobnicator 9'" in reason(works_on_both, unknown, "fact_missing").detail
    assert verdict(Image(cpu=True), unknown).grade is Grade.CPU


def test_the_rows_fit_the_other_tables() -> None:
    machines = TABLES.machines
    for model in machines.gpu_models:
        assert all(gpu in TABLES.by_capability for gpu in model.capabilities), model
        assert all(target in machines.gfx for target in model.targets), model
        assert bool(model.capabilities) <= (model.accelerator == "cuda"), model
        assert machines.named_gpu(model.words).models in ((model.words,), ()), model
    assert all(
        parse_target(row.processor) and (not row.generic or parse_target(row.generic)) for row in machines.gfx_targets
    )
    releases = {row.release for row in machines.rocm}
    assert all(
        row.tested_rocm <= releases and row.rocm in row.tested_rocm | {(10, 0)} for row in machines.amdgpu_drivers
    )


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RTX 4909", "RTX 4090"),
        ("GTX 309O", "RTX 3090"),
        ("H1000", "H100"),
        ("Tesla V10O", "V100"),
        ("MI3000X", "MI300X"),
    ],
)
def test_a_name_that_no_table_has_is_answered_with_the_names_like_it(name: str, near: str) -> None:
    image = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5"))
    refused = verdict(image, Node("535.104.05", gpu_name=name, architecture="amd64"))
    assert refused.grade is Grade.UNKNOWN
    details = [item.detail for item in refused.reasons if item.grade is Grade.UNKNOWN]
    assert any(repr(name) in detail and near in detail for detail in details), details


def test_a_name_like_no_other_has_no_names_beside_it() -> None:
    image = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5"))
    assert reason(image, Node("535.104.05", gpu_name="foo"), "fact_missing").detail == (
        "No table has a GPU 'foo', so its compute capability is not known."
    )


@pytest.mark.parametrize(
    ("name", "accelerator"), [("Gaudi2", "gaudi"), ("Habana Gaudi 3", "gaudi"), ("Arc A770", "xpu")]
)
def test_an_accelerator_by_its_name_runs_images_for_it_alone(name: str, accelerator: str) -> None:
    node = Node(gpu_name=name, architecture="amd64")
    assert verdict(Image(accelerator=accelerator), node).grade is not Grade.NO
    assert "wrong_accelerator" in [item.code for item in verdict(Image(cuda="12.1.1"), node).reasons]
