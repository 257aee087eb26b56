"""docs/rules.md names every reason code, and its examples are what the judge says."""

import datetime
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.tables.loader import SHIPPED
from bayplan.domain.compatibility.verdict import ReasonCode

DOCUMENT = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
A6000 = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", gpu_brand="NvidiaRTX", architecture="amd64")
EXAMPLES = {
    "native": (Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0", "9.0")), A6000),
    "minor": (Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0"), compiles_at_runtime=False), A6000),
    "forward": (
        Image(
            cuda="12.4.1",
            kernel_architectures=framework_kernels("7.0"),
            compat_package=CompatLibraries("12.4", "550.54.15"),
            compat_activation="always",
            compiles_at_runtime=False,
        ),
        Node("470.57.02", "7.5", gpu_name="Tesla T4", gpu_brand="Tesla", architecture="amd64"),
    ),
    "cpu": (Image(cpu=True), A6000),
    "jit": (
        Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0", "9.0+PTX")),
        Node("570.124.06", "12.0", gpu_name="NVIDIA GeForce RTX 5090", gpu_brand="GeForce", architecture="amd64"),
    ),
    "unknown": (
        Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0")),
        Node("535.104.05", architecture="amd64"),
    ),
    "no": (
        Image(cuda="12.8.1", framework="PyTorch", framework_version="2.8.0"),
        Node("580.65.06", "6.0", gpu_name="Tesla P100", gpu_brand="Tesla", architecture="amd64"),
    ),
    "caveat` (grade `native": (Image(cuda="12.1.1"), A6000),
}

BUILT = Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0"))
ROCM = Image(accelerator="rocm", rocm_version="6.4.1", kernel_architectures=framework_kernels("gfx90a", "gfx942"))
A100 = replace(A6000, compute_capability=None, gpu_name="NVIDIA A100-SXM4-40GB", gpu_brand=None)
MACHINE_EXAMPLES = {
    "wrong_accelerator": (replace(ROCM, kernel_architectures=framework_kernels("gfx942")), A6000),
    "driver_not_tested": (
        replace(ROCM, rocm_version="7.2"),
        Node("6.10.5", gpu_name="AMD Instinct MI300X", architecture="amd64"),
    ),
    "gpu_not_in_build": (ROCM, Node("6.12.12", gpu_name="AMD Radeon RX 7900 XTX", architecture="amd64")),
    "needs_gpu": (Image(cpu=True, needs_driver=True), Node(architecture="amd64")),
    "fact_missing": (
        replace(BUILT, kernel_architectures=framework_kernels("8.9")),
        replace(A100, gpu_name="NVIDIA RTX 6000"),
    ),
    "not_enough_memory": (
        replace(BUILT, min_gpu_memory_bytes=10 << 30),
        replace(A100, gpu_name="NVIDIA A100-SXM4-40GB MIG 1g.5gb"),
    ),
    "below_own_minimum": (replace(BUILT, min_gpus=8), replace(A100, machine_gpus=1)),
    "toolkit_fault": (BUILT, replace(A6000, runtime_mode="cdi", cdi_driver_version="535.86.10")),
    "wsl": (BUILT, replace(A6000, wsl=True)),
    "virtual_gpu": (BUILT, replace(A100, gpu_name="NVIDIA A10-24Q", vgpu_licensed=False)),
    "tegra": (
        Image(cuda="12.2.2", kernel_architectures=framework_kernels("8.0", "8.7")),
        Node("540.4.0", gpu_name="Orin", architecture="arm64", l4t_version="36.4.3"),
    ),
}


@pytest.mark.parametrize("code", MACHINE_EXAMPLES)
def test_the_example_of_each_rule_about_machines_is_true(code: str) -> None:
    _, _, table = DOCUMENT.partition("## Examples of the rules about machines")
    (grade,) = re.findall(rf"^\| `{code}` \| .* \| `([a-z]+)` \|$", table.partition("\n## ")[0], re.MULTILINE)
    verdict = judge(*MACHINE_EXAMPLES[code], load(), datetime.date(2026, 3, 1))
    assert verdict.grade == grade, verdict
    assert code in [reason.code for reason in verdict.reasons], verdict


RTX5090 = Node("570.195.03", "12.0", gpu_name="NVIDIA GeForce RTX 5090", gpu_brand="GeForce", architecture="amd64")
RTX3090 = replace(A6000, gpu_name="NVIDIA GeForce RTX 3090", gpu_brand="GeForce")
CUDA_12_4 = Image(cuda="12.4.1", kernel_architectures=framework_kernels("8.0"), compiles_at_runtime=False)
BY_TOOLKIT = replace(CUDA_12_4, compat_package=CompatLibraries("12.4", "550.54.15"), compat_activation="toolkit")
MACHINE_CODE = Image(cuda="12.9.1", compiles_at_runtime="cubin", compiler_cuda="12.8")
DRIVER_EXAMPLES = {
    "3, two CUDAs": (
        Image(cuda="12.8.1", framework="PyTorch", framework_version="2.9.1+cu130"),
        replace(A6000, driver_version="570.195.03"),
    ),
    "3, newer than the tables": (replace(CUDA_12_4, cuda="99.9"), replace(A6000, driver_version="580.65.06")),
    "3, newer patch": (replace(CUDA_12_4, cuda="13.0.99"), replace(A6000, driver_version="580.999")),
    "3, a family": (replace(CUDA_12_4, cuda="13"), replace(A6000, driver_version="580.65.06")),
    "5": (Image(cuda="12.6.0"), RTX5090),
    "6, branch beyond the table": (
        replace(CUDA_12_4, requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=99.9"),)),
        replace(A6000, driver_version="999.1"),
    ),
    "6, a mode that checks nothing": (
        replace(CUDA_12_4, cuda="12.1.1", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.4"),)),
        replace(A6000, runtime_mode="auto", toolkit_version="1.18.0"),
    ),
    "6, PTX": (replace(CUDA_12_4, kernel_architectures=framework_kernels("compute_80")), A6000),
    "8": (
        replace(CUDA_12_4, kernel_architectures=(("torch", ("8.0", "9.0+PTX")), ("vllm", ("8.0",)))),
        RTX5090,
    ),
    "9, by the toolkit": (BY_TOOLKIT, RTX3090),
    "9, toolkit 1.17.4": (BY_TOOLKIT, replace(RTX3090, toolkit_version="1.17.4")),
    "9, older than the driver": (
        replace(BY_TOOLKIT, compat_activation="always"),
        replace(RTX3090, driver_version="580.65.06"),
    ),
    "9, by brand": (BY_TOOLKIT, replace(A6000, driver_version="470.57.02")),
    "10, ptx": (replace(CUDA_12_4, compiles_at_runtime="ptx"), A6000),
    "10, cubin": (
        replace(MACHINE_CODE, kernel_architectures=framework_kernels("12.0")),
        Node("580.65.06", "12.1", gpu_name="NVIDIA GB10", gpu_brand="Nvidia", architecture="arm64"),
    ),
    "10, a GPU that was dropped": (
        replace(MACHINE_CODE, compiler_cuda="13.0", kernel_architectures=framework_kernels("7.0")),
        Node("580.65.06", "7.0", gpu_name="Tesla V100", gpu_brand="Tesla", architecture="amd64"),
    ),
}


@pytest.mark.parametrize("case", DRIVER_EXAMPLES)
def test_the_example_of_each_rule_about_drivers_and_libraries_is_true(case: str) -> None:
    _, _, table = DOCUMENT.partition("## Examples of the rules about drivers and libraries")
    pattern = rf"^\| {re.escape(case)} \| .* \| `([a-z]+)` `([a-z_]+)` \|$"
    ((grade, code),) = re.findall(pattern, table.partition("\n## ")[0], re.MULTILINE)
    verdict = judge(*DRIVER_EXAMPLES[case], load(), datetime.date(2026, 3, 1))
    assert verdict.grade == grade, verdict
    assert code in [reason.code for reason in verdict.reasons], verdict


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_of_each_grade_is_true(example: str) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(example)}[`)]+ \| (?:CUDA|`cpu`).*\| (.*) \|$", DOCUMENT, re.MULTILINE)
    image, node = EXAMPLES[example]
    verdict = judge(image, node, load(), datetime.date(2026, 3, 1))
    assert verdict.grade == example.rpartition("`")[2]
    assert row == (", ".join(f"`{reason.code}`" for reason in verdict.reasons) or "none")


def test_every_reason_code_is_documented_as_it_is() -> None:
    for code in ReasonCode:
        assert f"| `{code}` | {code.meaning} |" in DOCUMENT


def test_every_table_is_documented() -> None:
    for path in SHIPPED.glob("*.csv"):
        assert f"`{path.name}`" in DOCUMENT
