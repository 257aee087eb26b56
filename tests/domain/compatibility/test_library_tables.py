"""The tables about libraries, and the lookups in them."""

import csv
import datetime
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load, read_rows
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import ComputeCapability, CudaVersion
from bayplan.errors import CannotStart

TABLES = load()
_WHEEL = re.compile(r"wheel [^ ]+\.whl sha256:[0-9a-f]{64}\b")
RENAMED = {"10.1": ("12.8", "12.9")}  # Thor, which CUDA 13 calls 11.0


def kernels(library: str | None, version: str, cuda: str | None, architecture: str | None = None) -> str | None:
    row = TABLES.arch_list(library, version, cuda, architecture)
    return None if row is None else " ".join(row.kernel_architectures)


def test_official_builds_are_found_by_framework_version_and_cuda() -> None:
    cu121 = TABLES.arch_list("PyTorch", "2.5.0", "12.1.1")
    assert cu121 is not None
    assert cu121.kernel_architectures == ("5.0", "6.0", "7.0", "7.5", "8.0", "8.6", "9.0")
    assert TABLES.arch_list("torch", "2.7.1+cu126", "12.8.1") == TABLES.arch_list("pytorch", "2.7.1", "12.6")
    arm = TABLES.arch_list("PyTorch", "2.9.0", "13.0", "arm64")
    assert arm is not None
    assert "11.0" in arm.kernel_architectures
    for build in [("PyTorch", "2.5", "9.0"), ("Caffe", "1", "8.0"), ("PyTorch", "main", "12.4"), (None, "2", "12.4")]:
        assert TABLES.arch_list(*build) is None


def test_nvidias_own_builds_are_listed_by_the_release_of_their_image() -> None:
    ngc = TABLES.arch_list("PyTorch", "2.6.0a0+ecf3bae40a.nv25.01", "12.8.0")
    assert ngc is not None
    assert ngc.kernel_architectures[0] == "7.5"
    older = TABLES.arch_list("PyTorch", "2.4.0a0+07cecf4168.nv24.05", "12.4.1")
    assert older is not None
    assert older.kernel_architectures[-1] == "9.0+PTX"
    # They are not what the project itself builds of the same version.
    assert TABLES.arch_list("PyTorch", "2.1.0a0+32f93b1.nv23.07", "12.1.1") is None
    assert TABLES.arch_list("PyTorch", "2.1.0", "12.1.1") is not None


def test_pytorch_2_11_has_no_code_for_volta_with_cuda_12_8() -> None:
    for version, has_volta in [("2.10.0", True), ("2.11.0", False)]:
        build = TABLES.arch_list("PyTorch", version, "12.8.1")
        assert build is not None
        assert ("7.0" in build.kernel_architectures) is has_volta


def test_a_release_could_make_what_its_builds_contain() -> None:
    spans: dict[str, tuple[tuple[int, ...], tuple[int, ...] | None]] = {
        str(entry.capability): (entry.first_cuda.release, None if entry.last_cuda is None else entry.last_cuda.release)
        for entry in TABLES.capabilities
    }
    spans |= {
        name: (CudaVersion.parse(oldest).release, CudaVersion.parse(newest).release)
        for name, (oldest, newest) in RENAMED.items()
    }
    # A wheel has what was read; vLLM 0.9 was built with a newer CUDA than that of its torch, by which it is listed.
    by_hand = [row for row in TABLES.arch_lists if not row.source.startswith("wheel ")]
    for row in (row for row in by_hand if not row.library.endswith("+rocm")):
        for kernel in row.kernel_architectures:
            name = re.sub(r"^compute_([0-9]+)([0-9])$", r"\1.\2", kernel.removesuffix("+PTX")).rstrip("af")
            first, last = spans[name]
            assert first[: len(row.cuda)] <= row.cuda, (row, kernel)
            assert last is None or row.cuda <= last, (row, kernel)
    machines = TABLES.machines
    for row in (row for row in by_hand if row.library.endswith("+rocm")):
        assert set(row.kernel_architectures) <= machines.gfx.keys(), row
        assert row.cuda in {release.release for release in machines.rocm}, row


@pytest.mark.parametrize(
    ("library", "version", "cuda", "architecture", "expected"),
    [
        # PyPI's wheels of CUDA 13 have no PTX; those of PyTorch's own index, which have the label, do.
        ("torch", "2.14.1", "13.0.3", None, "7.5 8.0 8.6 9.0 10.0 12.0"),
        ("torch", "2.14.1+cu130", "12.8.1", None, "7.5 8.0 8.6 9.0 10.0 12.0+PTX"),
        ("torch", "2.15.0", "13.2", None, "7.5 8.0 8.6 9.0 10.0 12.0"),
        ("torch", "2.15.0", "13.2", "arm64", "8.0 9.0 10.0 11.0 12.0"),
        ("torch", "2.14.1", "13", None, None),
        ("tensorflow", "2.20.0", "12.5.1", None, "6.0 7.0 8.0 8.9 9.0+PTX"),
        ("vLLM", "0.33.0", "13.0.1", None, "7.5 8.0 8.6 8.9 9.0 10.0 12.0"),
        ("onnxruntime-gpu", "1.17.1", "12.2", None, "5.2+PTX 6.0+PTX 6.1+PTX 7.0+PTX 7.5+PTX 8.0+PTX"),
        ("xformers", "0.0.32.post2", "12.8", None, "8.0+PTX 9.0a"),
        ("torch", "2.15.0", "13", None, "7.5 8.0 8.6 9.0 10.0 12.0"),
        ("torch", "2.15.0", None, None, "7.5 8.0 8.6 9.0 10.0 12.0"),
        ("torch", "2.9.1", None, None, None),
        ("JAX", "0.10.2", "13.1.0", None, "7.5 8.0 9.0 10.0 11.0 12.0+PTX"),
        ("jaxlib", "0.4.30+cuda12.cudnn89", None, None, "5.0 6.0 7.0 8.0 9.0+PTX"),
        ("jax-cuda12-plugin", "0.8.1", "12.6", "arm64", "5.0 6.0 7.0 8.0 9.0 10.0 12.0+PTX"),
        ("jax", "0.10.2", "11.8", None, None),
        ("PyTorch", "2.13.0a0+9186a08.nv26.07", "13.3", None, "7.5 8.0 8.6 9.0 10.0 12.0+PTX"),
        ("PyTorch", "2.13.0a0+9186a08.nv26.07", "13.3", "arm64", "8.0 8.6 9.0 10.0 11.0 12.0+PTX"),
        ("PyTorch", "2.1.0a0+32f93b1.nv23.10", "12.2.2", None, "5.2 6.0 6.1 7.0 7.2 7.5 8.0 8.6 8.7 9.0+PTX"),
        ("llama.cpp", "b7588", "13.1.0", None, "compute_75 compute_80 8.6 8.9 compute_90 12.0a 12.1a"),
        ("Flash Attention", "2.8.3", "13.0", None, "8.0 9.0 10.0 12.0"),
        ("torch", "99.0", "13.0", None, None),
        ("torch", "2.14.1", "no version", None, None),
    ],
)
def test_builds_are_found_by_library_version_cuda_and_architecture(
    library: str, version: str, cuda: str | None, architecture: str | None, expected: str | None
) -> None:
    assert kernels(library, version, cuda, architecture) == expected


def test_rows_from_wheels_name_them_with_their_hashes() -> None:
    for table in ("arch_lists.csv", "pypi_builds.csv", "runtime_compilers.csv"):
        sources = [row["source"] for row in read_rows(table) if "whl" in row["source"]]
        assert len(sources) >= 5
        assert all(_WHEEL.match(source) for source in sources)


@pytest.mark.parametrize(
    ("library", "version", "architecture", "cuda"),
    [
        ("torch", "2.15.0", None, "13.2"), ("torch", "2.11.0", None, "13.0"), ("torch", "2.9.1", "amd64", "12.8"),
        ("torch", "2.7.1", None, "12.6"), ("torch", "2.9.1", "arm64", None), ("tensorflow", "2.21.0", None, "12.5"),
    ],
)  # fmt: skip
def test_what_pypi_has_of_a_version(library: str, version: str, architecture: str | None, cuda: str | None) -> None:
    row = TABLES.pypi_build(library, version, architecture)
    assert row is not None
    assert row.cuda == cuda


def test_what_a_wheel_has_is_what_is_found() -> None:
    for row in TABLES.arch_lists:
        if row.source.startswith("wheel "):
            version = str(next(iter(row.versions)).version).replace(".*", ".0")
            found = kernels(row.library, version, ".".join(map(str, row.cuda)) or None, row.architecture)
            assert found == " ".join(row.kernel_architectures), row


def test_a_version_with_a_label_or_one_that_is_not_listed_has_no_build_on_pypi() -> None:
    assert TABLES.pypi_build("torch", "2.9.1+cu130") is None
    assert TABLES.pypi_build("torch", "99.0") is None
    assert TABLES.pypi_build("torch", "main") is None


def test_the_compiler_that_a_library_brings() -> None:
    def compiler(library: str, version: str) -> tuple[str, str]:
        row = TABLES.runtime_compiler(library, version)
        assert row is not None
        return row.compiles_at_runtime, str(row.compiler_cuda)

    assert compiler("triton", "3.2.0") == ("cubin", "12.4")
    assert compiler("triton", "3.3.1") == ("cubin", "12.8"), "the newer of its two, which is for Blackwell"
    assert compiler("triton", "3.9.0") == ("cubin", "13.4")
    assert compiler("jax", "0.8.0") == ("cubin", "None"), "not its own"
    assert TABLES.runtime_compiler("torch", "2.9.1") is None, "only where torch.compile is used"
    assert TABLES.runtime_compiler(None, "1.0") is None


def test_the_least_gpu_that_a_library_accepts() -> None:
    def least(library: str, version: str) -> ComputeCapability | None:
        row = TABLES.library_minimum(library, version)
        return None if row is None else row.min_compute_capability

    assert least("vLLM", "0.14.1") == ComputeCapability(7, 0)
    assert least("vllm", "0.22.1+cu129") == ComputeCapability(7, 5)
    assert least("TensorRT", "10.13.2") == ComputeCapability(7, 5)
    assert least("TensorRT", "8.6.1") is None
    assert least("flash_attn", "2.8.3") == ComputeCapability(8, 0)


TODAY = datetime.date(2026, 11, 29)
VLLM = Image(cuda="12.8.1", framework="vLLM", framework_version="0.14.1", architectures=("amd64", "arm64"))
GB10 = Node(
    driver_version="580.95.05", compute_capability="12.1", gpu_name="NVIDIA GB10", architecture="arm64", wsl=False
)


@pytest.mark.parametrize(
    ("image", "node", "code", "source"),
    [
        # Its Triton is 3.5, whose ptxas of CUDA 12.8 stops with "Value 'sm_121a' is not defined".
        (VLLM, GB10, "gpu_newer_than_cuda", ""),
        (replace(VLLM, compiler_cuda="13.0"), GB10, None, ""),
        (replace(VLLM, framework_version="0.28.0", cuda="13.0.2"), GB10, None, ""),
        (
            replace(VLLM, framework_version="0.22.1+cu129", kernel_architectures=(("", ("7.0", "8.0")),)),
            replace(GB10, compute_capability="7.0", gpu_name="Tesla V100-SXM2-16GB", architecture="amd64"),
            "below_own_minimum", "vLLM 0.21.0, docs",
        ),
    ],
)  # fmt: skip
def test_the_judge_takes_the_compiler_and_the_least_gpu_from_the_tables(
    image: Image, node: Node, code: str | None, source: str
) -> None:
    verdict = judge(image, node, TABLES, TODAY)
    refused = [reason for reason in verdict.reasons if reason.grade is Grade.NO]
    assert [reason.code for reason in refused if reason.code != "gpu_not_in_build"] == ([] if code is None else [code])
    assert all((reason.source or "").startswith(source) for reason in refused)


def test_tables_about_libraries_are_replaced_by_files_of_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path / "arch_lists.csv",
        ["framework", "versions", "cuda", "architecture", "kernel_architectures", "source"],
        ["PyTorch", ">=3", "14.0", "amd64", "9.0 13.0+PTX", "a newer table"],
    )
    tables = load(tmp_path)
    row = tables.arch_list("torch", "3.1.0+cu140", None)
    assert row is not None
    assert row.cuda == (14, 0)
    assert tables.runtime_compilers == TABLES.runtime_compilers


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("arch_lists.csv", ["PyTorch", ">=2", "twelve", "amd64", "8.0", "s"], ":2: 'twelve' is not a CUDA version"),
        ("arch_lists.csv", ["PyTorch", ">=2", "12", "amd64", "sm80", "s"], ":2: 'sm80' is not a compute capability"),
        ("runtime_compilers.csv", ["Triton", ">=3", "sass", "12.8", "s"], ":2: 'sass' must be ptx or cubin"),
        ("runtime_compilers.csv", ["Triton", "three", "ptx", "12.8", "s"], ":2: 'three' is not a version specifier"),
        ("library_minimums.csv", ["vLLM", ">=1", "", "s"], ":2: '' is not a compute capability"),
        ("pypi_builds.csv", ["torch", ">=1", "amd64", "x", "s"], ":2: 'x' is not a CUDA version"),
    ],
)
def test_a_wrong_row_about_a_library_is_named(tmp_path: Path, name: str, row: list[str], message: str) -> None:
    header = list(read_rows(name)[0])
    write(tmp_path / name, header, row)
    with pytest.raises(CannotStart) as caught:
        load(tmp_path)
    assert f"{tmp_path / name}{message}" in caught.value.detail


def write(path: Path, *lines: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
