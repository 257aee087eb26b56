"""Rule 10 by small cases: what an image compiles while it runs, and with which compiler."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import A6000, T4, TABLES, reason, verdict

GB10 = Node("580.95.05", "12.1", gpu_name="NVIDIA GB10", gpu_brand="Nvidia", architecture="arm64")
V100 = Node("580.65.06", "7.0", gpu_name="Tesla V100", gpu_brand="Tesla", architecture="amd64")
TRITON = Image(
    cuda="12.9.1",
    framework="PyTorch",
    architectures=("amd64", "arm64"),
    kernel_architectures=framework_kernels("7.0", "7.5", "8.0", "12.0"),
    compiles_at_runtime="cubin",
)


@pytest.mark.parametrize(
    ("compiler", "node", "grade"),
    [
        ("12.8", GB10, Grade.NO),
        ("12.9", GB10, Grade.NATIVE),
        ("13.0", GB10, Grade.NATIVE),
        (None, GB10, Grade.NATIVE),
        ("x", GB10, Grade.NATIVE),
        ("12.8", replace(GB10, compute_capability="12.0"), Grade.NATIVE),
        ("13.0", V100, Grade.NO),  # the compiler has dropped it
        ("12.9", V100, Grade.NATIVE),
        ("12.8", replace(GB10, compute_capability="12.9"), Grade.UNKNOWN),  # newer than every table
        ("12.4", replace(A6000, driver_version="535.104.05"), Grade.MINOR),
        ("12.4", replace(T4, driver_version="535.104.05"), Grade.MINOR),
    ],
)
def test_machine_code_needs_a_compiler_that_knows_the_gpu(compiler: str | None, node: Node, grade: Grade) -> None:
    assert verdict(replace(TRITON, compiler_cuda=compiler), node).grade is grade


def test_a_bundled_compiler_that_is_not_known_is_a_caveat_on_a_gpu_as_new_as_the_image() -> None:
    assert reason(TRITON, GB10, "gpu_newer_than_cuda").grade is Grade.CAVEAT
    for other in (V100, replace(GB10, compute_capability="12.0")):
        assert "gpu_newer_than_cuda" not in {item.code for item in verdict(TRITON, other).reasons}


@pytest.mark.parametrize("framework", ["JAX", "tensorflow"])
@pytest.mark.parametrize(
    ("driver", "measured", "grade", "code"),
    [
        ("580.65.06", None, Grade.NATIVE, "gpu_newer_than_cuda"),
        ("570.86.10", None, Grade.NO, "ptx_needs_newer_driver"),
        ("570.86.10", "12.9", Grade.MINOR, "gpu_newer_than_cuda"),
    ],
)
def test_xla_falls_back_on_the_driver(
    framework: str, driver: str, measured: str | None, grade: Grade, code: str
) -> None:
    image = replace(TRITON, framework=framework, compiler_cuda="12.8")
    node = replace(GB10, driver_version=driver, driver_cuda_version=measured)
    actual = verdict(image, node)
    assert actual.grade is grade
    assert code in {item.code for item in actual.reasons}


def test_a_compiler_that_knows_the_gpu_is_the_remedy() -> None:
    actual = reason(replace(TRITON, compiler_cuda="12.8"), GB10, "gpu_newer_than_cuda")
    assert (actual.needed, actual.found) == ("a compiler of CUDA 12.9 or later", "12.8")
    assert (actual.remedy or "").startswith(
        "Let the image use a compiler of CUDA 12.9 or later (for Triton, set TRITON_PTXAS_PATH)"
    )


def test_it_is_not_known_which_compilers_know_a_gpu_that_no_table_has() -> None:
    newest = f"{TABLES.newest_cuda.major}.{TABLES.newest_cuda.minor + 4}"
    image = Image(cuda="12.8.0", kernel_architectures=framework_kernels("99.0"), compiles_at_runtime="cubin")
    node = replace(V100, compute_capability="99.0", driver_version="999.1")
    for compiler in ("12.8", newest):
        assert verdict(replace(image, compiler_cuda=compiler), node).grade is Grade.UNKNOWN
    assert verdict(image, node).grade is Grade.NATIVE
