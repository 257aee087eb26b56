"""Releases, families, branches, capabilities and builds that no table has: never a false `no`, never a false `native`."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import A6000, CPU_BOX, RTX3090, T4, TABLES, codes, reason, verdict

NEWEST = TABLES.newest_cuda
NEXT = f"{NEWEST.major}.{NEWEST.minor + 4}"
BEYOND = f"{TABLES.newest_branch + 30}.10.01"
H200 = Node(BEYOND, "9.0", gpu_name="NVIDIA H200", gpu_brand="Nvidia", architecture="amd64")


@pytest.mark.parametrize(
    ("cuda", "driver", "measured", "grade"),
    [
        (NEXT, BEYOND, None, Grade.MINOR),
        (f"{NEXT}.2", BEYOND, None, Grade.MINOR),
        (NEXT, "580.65.06", None, Grade.MINOR),
        (NEXT, BEYOND, NEXT, Grade.MINOR),  # the driver may be that of an earlier patch
        (NEXT, BEYOND, f"{NEWEST.major}.{NEWEST.minor + 5}", Grade.NATIVE),
        (NEXT, "575.51.03", None, Grade.NO),
        (str(NEWEST), BEYOND, None, Grade.NATIVE),
        ("13.0.99", "580.999", None, Grade.MINOR),  # a patch that no table has
        ("13.0.99", "590.44.01", None, Grade.NATIVE),
        ("13.0.99", "580.65.06", None, Grade.MINOR),
        ("13", "580.65.06", None, Grade.MINOR),
        ("13", "575.51.03", None, Grade.NO),
        ("12", "580.65.06", None, Grade.NATIVE),
        ("12", "535.104.05", None, Grade.MINOR),
        ("10", "440.33.01", None, Grade.NATIVE),
        ("10", "396.26", None, Grade.NO),
        ("10", "418.226.00", None, Grade.UNKNOWN),
        (f"{NEWEST.major + 1}.0", BEYOND, None, Grade.UNKNOWN),
        (f"{NEWEST.major + 1}", BEYOND, None, Grade.UNKNOWN),
    ],
)
def test_releases_and_branches_beyond_the_tables(cuda: str, driver: str, measured: str | None, grade: Grade) -> None:
    image = Image(cuda=cuda, kernel_architectures=framework_kernels("7.5"), compiles_at_runtime=False)
    node = replace(T4, driver_version=driver, driver_cuda_version=measured)
    assert verdict(image, node).grade is grade


def test_whether_a_driver_is_native_for_an_unknown_release_is_a_caveat_and_no_reason_calls_it_old() -> None:
    actual = verdict(Image(cuda=NEXT), H200)
    assert actual.grade is Grade.MINOR
    assert [(item.grade, item.code) for item in actual.reasons] == [
        (Grade.MINOR, "fact_missing"),
        (Grade.CAVEAT, "ptx_needs_newer_driver"),
        (Grade.CAVEAT, "fact_missing"),
        (Grade.CAVEAT, "arch_list_unknown"),
    ]
    assert not any("older" in item.detail for item in actual.reasons)


@pytest.mark.parametrize("compiles", ["ptx", "cubin"])
def test_an_image_that_compiles_is_not_refused_where_no_table_says_what_the_driver_reads(compiles: str) -> None:
    image = replace(Image(cuda=NEXT, kernel_architectures=framework_kernels("9.0")), compiles_at_runtime=compiles)  # type: ignore[arg-type]  # one of the words
    assert verdict(image, H200).grade is Grade.MINOR
    jit = replace(image, kernel_architectures=framework_kernels("8.0+PTX"), compiles_at_runtime=False)
    assert verdict(jit, H200).grade is Grade.JIT
    older = replace(H200, driver_version="580.65.06")
    assert verdict(jit, older).grade is Grade.NO
    assert verdict(jit, replace(older, driver_cuda_version=NEXT)).grade is Grade.JIT


@pytest.mark.parametrize(
    ("condition", "driver", "measured", "grade"),
    [
        (f"cuda>={NEXT}", BEYOND, None, Grade.UNKNOWN),
        (f"cuda>={NEXT} brand=tesla,driver>=580,driver<581", BEYOND, None, Grade.UNKNOWN),
        (f"cuda>={NEXT}", BEYOND, NEXT, Grade.NATIVE),
        (f"cuda>={NEXT}", BEYOND, "13.1", Grade.NO),
        (f"cuda>={NEWEST}", BEYOND, None, Grade.NATIVE),
        ("cuda<13", BEYOND, None, Grade.NO),
        (f"cuda!={NEWEST}", BEYOND, None, Grade.UNKNOWN),
        (f"cuda>={NEXT},cuda<{NEXT}", BEYOND, None, Grade.UNKNOWN),
        (f"driver>={BEYOND}", BEYOND, None, Grade.NATIVE),
        (f"cuda>={NEXT}", "580.65.06", None, Grade.NO),
        ("cuda>=12.9", "570.86.10", "12.9", Grade.NATIVE),  # what is measured counts before the table
    ],
)
def test_start_conditions_on_a_branch_beyond_the_tables(
    condition: str, driver: str, measured: str | None, grade: Grade
) -> None:
    image = Image(
        cuda="12.4.1", requirements=(("NVIDIA_REQUIRE_CUDA", condition),), kernel_architectures=framework_kernels("9.0")
    )
    assert verdict(image, replace(H200, driver_version=driver, driver_cuda_version=measured)).grade is grade


@pytest.mark.parametrize(
    ("cuda", "capability", "grade"),
    [
        (str(NEWEST), "99.0", Grade.JIT),
        (NEXT, "99.0", Grade.UNKNOWN),
        (NEXT, "9.0", Grade.MINOR),
        (NEXT, "9.9", Grade.MINOR),
        ("12.9.1", "99.0", Grade.JIT),
        ("13", "9.0", Grade.MINOR),
        ("13", "6.0", Grade.NO),
        ("12", "12.0", Grade.UNKNOWN),  # 12.8 and later only
        (f"{NEWEST.major + 1}.0", "9.0", Grade.UNKNOWN),
        (f"{NEWEST.major + 1}.0", "6.0", Grade.UNKNOWN),
    ],
)
def test_capabilities_and_releases_beyond_the_tables(cuda: str, capability: str, grade: Grade) -> None:
    node = replace(H200, compute_capability=capability, driver_version="580.65.06" if cuda == "13" else BEYOND)
    assert verdict(Image(cuda=cuda), node).grade is grade


@pytest.mark.parametrize(
    ("version", "framework_cuda", "driver", "grade"),
    [
        ("2.9.1+cu130", None, "570.195.03", Grade.NO),
        ("2.9.1", "13.0", "570.195.03", Grade.NO),
        ("2.9.1", "13", "570.195.03", Grade.NO),
        ("2.9.1+cu130", None, "580.65.06", Grade.MINOR),
        ("2.9.1+cu130", None, "580.999", Grade.NATIVE),
        ("2.9.1+cu128", None, "570.172.08", Grade.NATIVE),
        ("2.9.1+cu126", None, "560.35.05", Grade.NATIVE),
        ("2.9.1+cu126", "12.9", "560.35.05", Grade.MINOR),  # the fact says more than the version
        ("2.9.1+cu126", "nonsense", "560.35.05", Grade.NATIVE),
        ("0.4.30+cuda12.cudnn89", None, "570.86.10", Grade.NATIVE),  # of 12.x, as the base is
        ("2.9.1+abc", None, "570.172.08", Grade.NATIVE),
    ],
)
def test_the_frameworks_own_cuda_counts_before_that_of_the_base(
    version: str, framework_cuda: str | None, driver: str, grade: Grade
) -> None:
    image = Image(
        cuda="12.8.0",
        framework="PyTorch",
        framework_version=version,
        framework_cuda=framework_cuda,
        kernel_architectures=framework_kernels("8.6"),
    )
    node = replace(RTX3090, driver_version=driver)
    assert verdict(image, node).grade is grade


def test_a_framework_built_for_the_cpu_is_cpu_whatever_its_base() -> None:
    image = Image(cuda="12.8.1", framework="PyTorch", framework_version="2.9.1+cpu")
    assert verdict(image, RTX3090).grade is Grade.CPU
    assert verdict(image, CPU_BOX).grade is Grade.CPU
    assert codes(image, CPU_BOX) == []
    assert reason(image, RTX3090, "gpu_not_in_build").grade is Grade.CAVEAT
    other = replace(image, kernel_architectures=(("onnxruntime", ("8.0",)),))
    assert verdict(other, RTX3090).grade is not Grade.CPU


# The libraries


@pytest.mark.parametrize(
    ("libraries", "capability", "grade", "weakest"),
    [
        ({"torch": ("8.0", "9.0"), "flash_attn": ("8.0",)}, "8.6", Grade.NATIVE, None),
        ({"torch": ("8.0", "9.0"), "flash_attn": ("9.0",)}, "8.6", Grade.NO, "flash_attn"),
        ({"torch": ("8.0", "9.0+PTX"), "vllm": ("8.0",)}, "12.0", Grade.NO, "vllm"),
        ({"torch": ("8.0+PTX",), "vllm": ("12.0",)}, "12.0", Grade.JIT, "torch"),
        ({"torch": ("8.0+PTX",), "vllm": ()}, "8.0", Grade.NATIVE, None),
        ({"torch": (), "vllm": ()}, "8.0", Grade.NO, "torch"),
        ({"torch": ("x",), "vllm": ("8.0",)}, "8.0", Grade.NATIVE, None),
        ({"torch": ("compute_80",)}, "8.0", Grade.JIT, "torch"),
    ],
)
def test_the_weakest_library_decides(
    libraries: dict[str, tuple[str, ...]], capability: str, grade: Grade, weakest: str | None
) -> None:
    image = Image(cuda="12.8.0", kernel_architectures=tuple(libraries.items()))
    node = replace(A6000, compute_capability=capability, driver_version="580.65.06")
    assert verdict(image, node).grade is grade
    if weakest is not None:
        assert f"image's {weakest} was built" in reason(image, node, "gpu_not_in_build").detail


def test_the_table_has_the_frameworks_list_where_only_those_of_others_are_known() -> None:
    image = Image(
        cuda="12.8.0", framework="PyTorch", framework_version="2.8.0", kernel_architectures=(("flash_attn", ("6.0",)),)
    )
    p100 = replace(A6000, compute_capability="6.0", gpu_name="Tesla P100", driver_version="580.65.06")
    assert reason(image, p100, "gpu_not_in_build").found == "7.0 7.5 8.0 8.6 9.0 10.0 12.0"
    own = replace(image, kernel_architectures=(("flash_attn", ("6.0",)), ("torch", ("6.0",))))
    assert verdict(own, p100).grade is Grade.NATIVE


@pytest.mark.parametrize(
    ("kernels", "capability", "is_caveat"),
    [
        (("9.0", "10.0"), "10.3", True),
        (("10.0", "10.3"), "10.3", False),
        (("10.0f",), "10.3", False),
        (("10.0",), "10.0", False),
        (("12.0",), "12.1", False),
    ],
)
def test_code_for_x_0_alone_is_a_caveat_on_x_3(kernels: tuple[str, ...], capability: str, is_caveat: bool) -> None:
    image = Image(cuda="13.0.0", kernel_architectures=framework_kernels(*kernels))
    node = replace(H200, compute_capability=capability)
    assert verdict(image, node).grade is Grade.NATIVE
    assert ("gpu_not_in_build" in codes(image, node)) == is_caveat


@pytest.mark.parametrize(
    ("kernels", "cuda", "capability", "is_caveat"),
    [
        (("8.7",), "12.6.0", "8.7", False),
        (("8.0",), "12.6.0", "8.7", True),
        (("8.0", "8.7"), "12.6.0", "8.7", False),
        (("8.7",), "12.6.0", "8.9", True),
        (("8.0", "8.7"), "12.6.0", "8.9", False),
        (("8.0",), "12.6.0", "8.9", False),
        (None, "11.1.1", "8.7", True),
        (None, "12.6.0", "8.7", False),
    ],
)
def test_another_minor_is_a_caveat_on_tegra_and_between_tegra_and_others(
    kernels: tuple[str, ...] | None, cuda: str, capability: str, is_caveat: bool
) -> None:
    image = Image(cuda=cuda, kernel_architectures=None if kernels is None else framework_kernels(*kernels))
    node = replace(H200, compute_capability=capability, architecture="arm64" if capability == "8.7" else "amd64")
    details = [item.detail for item in verdict(image, node).reasons if "exactly" in item.detail]
    assert bool(details) == is_caveat


THOR = Node("640.10.01", "11.0", architecture="arm64", l4t_version="40.1")
FOR_L4T = (("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)


@pytest.mark.parametrize(
    ("l4t", "cuda", "requirements", "grade"),
    [
        ("40.1", NEXT, (), Grade.MINOR),
        ("40.1", "13.2", (), Grade.NATIVE),
        ("40.1", f"{NEWEST.major + 1}.0", (), Grade.UNKNOWN),
        ("40.1", NEXT, (("NVIDIA_REQUIRE_CUDA", f"cuda>={NEXT}"),), Grade.UNKNOWN),
        ("40.1", f"{NEWEST.major + 1}.0", FOR_L4T, Grade.UNKNOWN),
        ("39.9", NEXT, (("NVIDIA_REQUIRE_CUDA", f"cuda>={NEXT}"),), Grade.UNKNOWN),
        ("39.2.4", "13.4", (("NVIDIA_REQUIRE_CUDA", "cuda>=13.4"),), Grade.NO),  # a patch has the CUDA of its release
        ("38.4", "13.2", (("NVIDIA_REQUIRE_CUDA", "cuda>=13.2"),), Grade.NO),
    ],
)
def test_a_jetson_linux_beyond_the_table_has_at_least_the_newest_cuda(
    l4t: str, cuda: str, requirements: tuple[tuple[str, str], ...], grade: Grade
) -> None:
    image = Image(
        cuda=cuda, requirements=requirements, architectures=("arm64",), kernel_architectures=framework_kernels("11.0")
    )
    assert verdict(image, replace(THOR, l4t_version=l4t)).grade is grade
    measured = verdict(image, replace(THOR, l4t_version=l4t, driver_cuda_version=f"{cuda}.0"[:4]))
    assert measured.grade is Grade.NATIVE, "what the driver says counts before the table"


def test_a_jetson_board_that_no_table_has_is_judged_by_its_jetson_linux() -> None:
    board = replace(THOR, compute_capability="15.1")
    image = Image(cuda="13.0", architectures=("arm64",), kernel_architectures=framework_kernels("15.1"))
    assert verdict(image, board).grade is Grade.NATIVE
    assert verdict(replace(image, cuda=f"{NEWEST.major + 1}.0"), board).grade is Grade.UNKNOWN
    assert verdict(replace(image, kernel_architectures=framework_kernels("9.0+PTX")), board).grade is Grade.JIT
    assert verdict(replace(image, kernel_architectures=framework_kernels("9.0")), board).grade is Grade.NO


@pytest.mark.parametrize("version", ["2.20.0a0+0cf2a3d.nv27.02", "2.40.0+cu136", "3.1.0", "2.31.0+cu140"])
@pytest.mark.parametrize("cuda", ["13.2.1", NEXT])
def test_a_build_of_a_framework_that_no_table_has_is_not_taken_for_an_older_one(version: str, cuda: str) -> None:
    image = Image(cuda=cuda, framework="PyTorch", framework_version=version)
    assert "arch_list_unknown" in codes(image, H200)
    assert verdict(image, H200).grade is not Grade.NO
