"""`make tables`: a real wheel, pip, and the rows that follow from what wheels have."""

import csv
import dataclasses
import io
import re
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from tools.tables.download import NoWheel, download
from tools.tables.rows import Project, Readings, read_projects, with_rows
from tools.tables.wheel import WheelReading, from_json, read_wheel, to_json

from bayplan.domain.compatibility.tables import load, read_rows
from bayplan.scan.fatbin import FatbinContents, read_fatbins
from bayplan.scan.library_kernels import library_kernels
from tests.tour import ROOT

WHEEL = "xformers-0.0.35-py39-none-manylinux_2_28_x86_64.whl"
PROJECTS = (
    Project("PyTorch", "torch", "", True, (), ()),
    Project("Triton", "triton", "", False, (), ()),
    Project("vLLM", "vllm", "", True, (), ()),
    Project("JAX", "jax-cuda12-plugin", "12", True, (), ()),
    Project("bitsandbytes", "bitsandbytes", "", True, (), ()),
)
EMPTY = WheelReading("", "0" * 64, "torch", "1.0", "amd64", "", {}, "", {})


def reading(
    project: str, version: str, kernels: dict[str, tuple[str, ...]] | None = None, **values: Any
) -> WheelReading:
    files = {
        f"libbitsandbytes_cuda{release.replace('.', '')}.so" if release else "a.so": contents(entries)
        for release, entries in (kernels or {}).items()
    }
    wheel = f"{project}-{version}.whl"
    return dataclasses.replace(EMPTY, wheel=wheel, project=project, version=version, files=files, **values)


def contents(kernels: tuple[str, ...]) -> FatbinContents:
    targets = {f"sm_{kernel.removesuffix('+PTX').replace('.', '')}": 4 for kernel in kernels}
    targets |= {f"compute_{kernel.removesuffix('+PTX').replace('.', '')}": 4 for kernel in kernels if "+PTX" in kernel}
    return FatbinContents(targets, 4)


def locked_hash(wheel: str) -> str:
    """The hash that uv.lock pins a wheel to."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return next(
        str(file["hash"]) for package in packages for file in package.get("wheels", ()) if file["url"].endswith(wheel)
    )


def test_a_real_wheel_has_the_kernels_of_its_row() -> None:
    try:
        library = Path(str(distribution("xformers").locate_file("xformers/_C.so")))
    except PackageNotFoundError:
        pytest.skip(
            "xformers, whose file has fat binaries, is for Linux on amd64; `make .venv/.dev` installs it there."
        )
    with library.open("rb") as file:
        found = read_fatbins(iter(lambda: file.read(1 << 16), b""), library.stat().st_size)
    assert (found.malformed, found.containers) == (0, 11)
    row = next(row for row in read_rows("arch_lists.csv") if WHEEL in row["source"])
    assert row["source"].startswith(f"wheel {WHEEL} {locked_hash(WHEEL)}")
    assert row["kernel_architectures"] == " ".join(library_kernels({"xformers/_C.so": found})) == "7.5 8.0+PTX 9.0a"
    assert load().arch_list("xformers", distribution("xformers").version, row["cuda"]) is not None


def test_every_wheel_that_was_read_is_in_the_tables_and_was_asked_for() -> None:
    lines = (ROOT / "tools/tables/readings.jsonl").read_text(encoding="ascii").splitlines()
    read = [from_json(line) for line in lines]
    assert [to_json(one) for one in read] == lines
    projects = read_projects(ROOT / "tools/tables/wheels.csv")
    asked = {(project.name, *wheel) for project in projects for wheel in project.wheels}
    assert {(one.project, one.version, one.architecture) for one in read} <= asked
    for name, rows in (
        ("arch_lists.csv", Readings(projects, read).arch_lists()),
        ("pypi_builds.csv", Readings(projects, read).pypi_builds()),
        ("runtime_compilers.csv", Readings(projects, read).runtime_compilers()),
    ):
        table = {tuple(row.values()) for row in read_rows(name)}
        assert set(rows) <= table, f"{name} is older than what was read: run make tables"


def wheel_of(folder: Path, project: str, files: dict[str, bytes], requires: str = "") -> Path:
    """A wheel, made by hand."""
    path = folder / f"{project}-1.0-py3-none-manylinux_2_28_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(
            f"{project}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n{requires}\n"
        )
        archive.writestr(
            f"{project}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n"
        )
        archive.writestr(f"{project}-1.0.dist-info/RECORD", "")
    return path


def test_a_wheel_comes_through_pip_and_tells_its_cuda_its_compiler_and_its_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, folder = tmp_path / "index", tmp_path / "folder"
    index.mkdir()
    folder.mkdir()
    ptxas = bytes(1 << 20) + b"Cuda compilation tools, release 12.8, V12.8.93\0"
    files = {
        "torch/version.py": b"cuda: Optional[str] = '13.2'\n",
        "torch/bin/ptxas": ptxas,
        "torch/bin/ptxas-blackwell": ptxas.replace(b"12.8", b"13.4"),
    }
    made = wheel_of(index, "torch", files, "Requires-Dist: triton~=3.9.0; platform_system == 'Linux'\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    path = download("torch", "1.0", "amd64", folder)
    assert path.name == made.name
    found = read_wheel(path, "torch", "1.0", "amd64")
    assert (found.cuda, found.ptxas, found.requires, found.kernels) == ("13.2", "13.4", {"triton": "3.9.0"}, {})
    with pytest.raises(NoWheel, match=r"torch==2\.0"):
        download("torch", "2.0", "amd64", folder / "none")


def test_releases_of_a_minor_that_agree_are_one_row() -> None:
    old, new = ("8.0", "9.0"), ("8.0", "9.0", "12.0+PTX")
    read = Readings(
        PROJECTS,
        [
            reading("torch", "2.7.0", cuda="12.6", kernels={"": old}),
            reading("torch", "2.7.1", cuda="12.6", kernels={"": old}),
            reading("torch", "2.8.0", cuda="12.8", kernels={"": old}),
            reading("torch", "2.8.1", cuda="12.8", kernels={"": new}),
            reading("torch", "2.8.1", cuda="", architecture="arm64"),
            reading("jax-cuda12-plugin", "0.8.1", kernels={"": new}),
            reading("bitsandbytes", "0.50.2", kernels={"11.8": old, "13.0": new}),
        ],
    )
    rows = [row[:5] for row in read.arch_lists()]
    assert rows == [
        ("bitsandbytes", "==0.50.*", "11.8", "amd64", "8.0 9.0"),
        ("bitsandbytes", "==0.50.*", "13.0", "amd64", "8.0 9.0 12.0+PTX"),
        ("JAX", "==0.8.*", "12", "amd64", "8.0 9.0 12.0+PTX"),
        ("PyTorch", "==2.7.*", "12.6", "amd64", "8.0 9.0"),
        ("PyTorch", "==2.8.0", "12.8", "amd64", "8.0 9.0"),
        ("PyTorch", "==2.8.1", "12.8", "amd64", "8.0 9.0 12.0+PTX"),
    ]
    source = next(row[5] for row in read.arch_lists() if row[1] == "==2.7.*")
    assert source == f"wheel torch-2.7.1.whl sha256:{'0' * 64}; the same in the wheels of 2.7.0"
    assert [row[:4] for row in read.pypi_builds()] == [
        ("PyTorch", "==2.7.*", "amd64", "12.6"),
        ("PyTorch", "==2.8.*", "amd64", "12.8"),
        ("PyTorch", "==2.8.*", "arm64", ""),
    ]


def test_vllm_compiles_with_the_triton_of_its_torch() -> None:
    read = Readings(
        PROJECTS,
        [
            reading("triton", "3.4.0", ptxas="12.8", kernels={"": ("8.0",)}),
            reading("torch", "2.8.0", cuda="12.8", requires={"triton": "3.4.0"}, kernels={"": ("8.0",)}),
            reading("vllm", "0.11.0", requires={"torch": "2.8.0"}, kernels={"": ("8.0",)}),
            reading("vllm", "0.7.3", requires={"torch": "2.8.0"}),
            reading("vllm", "0.12.0", requires={"torch": "9.9"}, kernels={"": ("8.0",)}),
        ],
    )
    rows = [row[:4] for row in read.runtime_compilers()]
    assert rows == [("Triton", "==3.4.*", "cubin", "12.8"), ("vLLM", "==0.11.*", "cubin", "12.8")]
    assert {row[0] for row in read.arch_lists()} == {"PyTorch", "vLLM"}
    built = {row[1]: row[2] for row in read.arch_lists() if row[0] == "vLLM"}
    assert built == {"==0.11.*": "12.8", "==0.12.*": ""}, "its CUDA is that of its torch, where that was read"


def test_rows_with_a_document_as_source_stay() -> None:
    table = 'library,versions,source\nA,>=1,"a, document"\nA,==1.*,wheel a.whl sha256:1\n'
    text = with_rows(table, [("A", "==2.*", "wheel b.whl sha256:2")])
    assert list(csv.reader(io.StringIO(text))) == [
        ["library", "versions", "source"],
        ["A", "==2.*", "wheel b.whl sha256:2"],
        ["A", ">=1", "a, document"],
    ]


def test_nothing_in_the_repository_names_a_package_index() -> None:
    for path in (ROOT / "tools").rglob("*.py"):
        assert not re.search(r"https?://", path.read_text(encoding="utf-8")), path
