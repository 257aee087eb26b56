"""The shipped tables, and what the loader says of wrong ones."""

import csv
import datetime
import itertools
from pathlib import Path

import pytest

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load, read_rows
from bayplan.domain.compatibility.tables.loader import SHIPPED
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.versions import CudaVersion, DriverVersion
from bayplan.errors import CannotStart

TABLES = load()
GENERATIONS = {generation.name: generation for generation in TABLES.generations}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.csv")), ids=lambda path: path.name)
def test_every_row_of_every_table_has_its_source(path: Path) -> None:
    table = read_rows(path.name)
    assert table
    assert all(row["source"] for row in table)


def test_cuda_releases_span_what_is_in_use() -> None:
    assert len(TABLES.cuda) >= 60
    releases = {release.version for release in TABLES.cuda}
    assert {"7.0", "8.0", "9.2", "10.1", "11.8", "12.4", "13.0", "13.4", "13.5"} <= releases
    full = {release.full_version for release in TABLES.cuda}
    assert {"12.8.2", "12.9.2", "13.0.3", "13.1.2", "13.4.3", "13.5.0"} <= full


def test_a_newer_cuda_release_never_ships_with_an_older_driver() -> None:
    ordered = sorted((CudaVersion.parse(r.full_version), r.min_driver) for r in TABLES.cuda if r.min_driver)
    drivers = [DriverVersion.parse(driver) for _, driver in ordered if driver]
    assert drivers == sorted(drivers)


def test_the_floor_of_a_family_is_the_driver_of_its_first_release() -> None:
    for family in TABLES.families:
        first = TABLES.min_driver(CudaVersion(family.cuda_major, 0))
        assert first is not None
        # 11.x became a family with 450.80.02, shortly after its first release.
        assert family.min_driver.branch == first.branch


def test_generations_from_fermi_to_rubin_do_not_overlap() -> None:
    ordered = sorted(TABLES.generations, key=lambda generation: generation.low)
    assert ordered[0].name == "Fermi"
    assert "Rubin" in GENERATIONS
    for earlier, later in itertools.pairwise(ordered):
        assert earlier.low < earlier.high <= later.low


def test_blackwell_is_two_rows_of_one_rank_around_rubin() -> None:
    below, above = GENERATIONS["Blackwell"], GENERATIONS["Blackwell (Thor and RTX)"]
    rubin = GENERATIONS["Rubin"]
    assert below.high <= rubin.low < rubin.high <= above.low
    assert below.rank == above.rank < rubin.rank


@pytest.mark.parametrize(
    ("capability", "generation"),
    [
        ("2.1", "Fermi"), ("3.7", "Kepler"), ("5.2", "Maxwell"), ("6.1", "Pascal"), ("7.2", "Volta"), (7.5, "Turing"),
        ("8.6", "Ampere"), (8.9, "Ada Lovelace"), ("9.0", "Hopper"), ("10.3", "Blackwell"), (10.7, "Rubin"),
        ("11.0", "Blackwell (Thor and RTX)"), (12.1, "Blackwell (Thor and RTX)"), ("1.3", None), ("99.0", None),
        ("nonsense", None),
    ],
)  # fmt: skip
def test_capabilities_have_their_generation(capability: str | float, generation: str | None) -> None:
    assert TABLES.generation_of(capability) == generation


def test_every_capability_lies_in_its_generation() -> None:
    assert len(TABLES.capabilities) >= 25
    for row in TABLES.capabilities:
        assert TABLES.generation_of(str(row.capability)) == row.generation
        assert row.last_cuda is None or row.first_cuda < row.last_cuda
    assert {str(capability) for capability in TABLES.tegra} == {"3.2", "5.3", "6.2", "7.2", "8.7", "11.0"}


def test_newer_branches_support_newer_cuda() -> None:
    ordered = sorted(TABLES.driver_branches, key=lambda row: row.branch)
    assert [row.max_cuda for row in ordered] == sorted(row.max_cuda for row in ordered)


def test_a_branch_between_two_listed_ones_counts_as_the_lower() -> None:
    def newest(driver: str) -> str:
        return str(TABLES.driver_cuda(DriverVersion.parse(driver)))

    assert newest("551.78") == newest("550.54.14") == "12.4"
    assert newest("999") == newest("620.10.01") == "13.5", "beyond the last row at least what that says"
    assert TABLES.newest_branch == 620
    assert TABLES.driver_cuda(DriverVersion.parse("340.108")) is None


def test_branches_say_until_when_they_are_maintained() -> None:
    ends = {row.branch: (row.designation, str(row.end_of_life)) for row in TABLES.driver_branches if row.end_of_life}
    assert ends[535] == ("long-term support", "2026-06-30")
    assert ends[580] == ("long-term support", "2028-06-30")
    assert ends[595] == ("production", "2027-03-31")
    assert ends[620] == ("long-term support", "2029-09-30")


def test_the_driver_of_a_release() -> None:
    def driver(cuda: str) -> str:
        return str(TABLES.min_driver(CudaVersion.parse(cuda)))

    assert driver("12.4.0") == "550.54.14"
    assert driver("12.4") == driver("12.4.9") == "550.54.15"
    assert driver("12.7") == "565", "no release is listed: the first branch that supports it"
    assert driver("13.4.1") == "615", "no driver is published for it: the first branch that supports it"
    assert driver("13.5") == "620"
    assert TABLES.min_driver(CudaVersion.parse("99.0")) is None


def test_compat_packages_accept_only_older_branches() -> None:
    for row in TABLES.compat_branches:
        own = TABLES.min_driver(row.cuda)
        assert own is not None
        assert row.driver_branch <= own.branch
    assert 535 in TABLES.compat_accepts(CudaVersion.parse("12.4.1"))
    assert TABLES.compat_accepts(CudaVersion.parse("9.2")) == frozenset()


@pytest.mark.parametrize(
    ("name", "data_centre"),
    [
        ("NVIDIA A100-SXM4-40GB", True), ("Tesla T4", True), ("NVIDIA L4", True), ("GRID V100D-32C", True),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", True), ("NVIDIA RTX A6000", False), ("TITAN V", False),
        ("NVIDIA GeForce RTX 3090", False), ("Quadro M6000", False), ("NVIDIA Graphics Device", None), ("", None),
        ("RTX3090", False), ("GRID RTX6000-24Q", False), ("A6000", False), ("NVIDIA T1000 8GB", False),
    ],
)  # fmt: skip
def test_names_tell_data_centre_gpus(name: str, data_centre: bool | None) -> None:
    assert TABLES.machines.named_gpu(name).data_centre is data_centre


def test_the_catalogue_replaces_releases_and_generations() -> None:
    tables = TABLES.with_catalogue(
        cuda=[("12.4", "12.4.1", "551.0"), ("15.0", "15.0.0", None)],
        hardware=[("Ampere", 8.0, 8.7), ("Orin", 8.7, 8.9), ("Feynman", 13.0, 14.0)],
    )
    assert str(tables.min_driver(CudaVersion.parse("12.4"))) == "551.0"
    assert tables.generation_of("8.7") == "Orin"
    assert tables.generation_of("9.0") is None
    ranks = {generation.name: generation.rank for generation in tables.generations}
    assert ranks["Ampere"] == ranks["Orin"] == GENERATIONS["Ampere"].rank
    assert ranks["Feynman"] > GENERATIONS["Rubin"].rank


def test_what_is_newer_than_everything_in_the_catalogue_is_used_beside_it() -> None:
    tables = TABLES.with_catalogue(
        cuda=[("12.9", "12.9.1", "575.57.08"), ("13.4", "13.4.1", None)],
        hardware=[("Hopper", 9.0, 10.0), ("Blackwell", 10.0, 10.7)],
    )
    releases = {release.full_version for release in tables.cuda}
    assert releases == {"12.9.1", "13.4.1", "13.4.2", "13.4.3", "13.5.0"}, "staff may have removed older ones"
    assert {generation.name for generation in tables.generations} == {"Hopper", "Blackwell", "Rubin"}
    assert TABLES.with_catalogue(cuda=[], hardware=[]).cuda == ()


GOOD = {
    "cuda.csv": ["version", "full_version", "min_driver", "source"],
    "generations.csv": ["name", "min_compute_capability", "max_compute_capability", "rank", "source"],
    "families.csv": ["cuda_major", "min_driver", "source"],
    "driver_branch_cuda.csv": ["driver_branch", "max_cuda", "source"],
    "arch_lists.csv": ["framework", "versions", "cuda", "architecture", "kernel_architectures", "source"],
    "gpu_models.csv": [
        "words",
        "accelerator",
        "compute_capability",
        "target",
        "memory_gib",
        "data_centre",
        "brand",
        "source",
    ],
    "rocm.csv": ["rocm", "released", "source"],
    "amdgpu_drivers.csv": ["driver", "module", "rocm", "tested_rocm", "source"],
}


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("cuda.csv", ["12.4", "twelve", "", "s"], ":2: 'twelve' is not a CUDA version"),
        ("cuda.csv", ["12.5", "12.4.1", "", "s"], ":2: 12.4.1 is not a release of CUDA 12.5"),
        ("cuda.csv", ["12.4", "12.4.1", "R550", "s"], ":2: 'R550' is not a driver version"),
        ("cuda.csv", ["12.4", "12.4.1", "550", ""], ":2: the row has no source"),
        ("cuda.csv", ["12.4", "12.4.1", "550"], ":2: the line must have 4 values, one for each column, and has 3"),
        ("generations.csv", ["X", "8.0", "8.0", "1", "s"], ":2: the range from 8.0 to 8.0 is empty"),
        ("generations.csv", ["X", "8.0", "inf", "1", "s"], ":2: 'inf' is not a compute capability"),
        ("families.csv", ["12.0", "525", "s"], ":2: '12.0' is not a whole number"),
        ("arch_lists.csv", ["PyTorch", "2 or so", "12.4", "amd64", "8.0", "s"], ":2: '2 or so' is not a version spec"),
        ("arch_lists.csv", ["PyTorch", ">=2", "12.4", "amd64", "", "s"], ":2: the list of kernel architectures"),
        ("gpu_models.csv", ["H100", "cuda", "9.0", "", "80", "maybe", "", "s"], ":2: 'maybe' must be yes or no"),
        ("gpu_models.csv", ["H100", "", "9.0", "", "80", "yes", "", "s"], ":2: the accelerator is missing"),
        ("rocm.csv", ["7.0", "soon", "s"], ":2: 'soon' is not a day"),
        ("amdgpu_drivers.csv", ["30.10", "", "7.0", "7", "s"], ":2: '7' is not a release such as 6.4"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, name: str, row: list[str], message: str) -> None:
    path = tmp_path / name
    write(path, GOOD[name], row)
    with pytest.raises(CannotStart) as caught:
        load(tmp_path)
    assert f"{path}{message}" in caught.value.detail


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cuda.csv"
    for content, message in [
        (b"", ":1:"),
        (b"version,version\n", ":1:"),
        (b"version,full_version,source\n1,2,s\n", "min_driver"),
        (b"version,full_version,min_driver,source\n", "no rows"),
        (b"\xff\xfe", "cannot be read"),
    ]:
        path.write_bytes(content)
        load.cache_clear()
        with pytest.raises(CannotStart, match=r"cuda\.csv") as caught:
            load(tmp_path)
        assert message in caught.value.detail


def test_a_repeated_row_and_overlapping_ranges_are_named(tmp_path: Path) -> None:
    write(tmp_path / "families.csv", GOOD["families.csv"], ["12", "525", "s"], ["12", "530", "s"])
    with pytest.raises(CannotStart, match=r"families\.csv:3: the row repeats line 2"):
        load(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    overlapping = ["A", "8.0", "9.0", "1", "s"], ["B", "8.9", "9.5", "2", "s"]
    write(other / "generations.csv", GOOD["generations.csv"], *overlapping)
    with pytest.raises(CannotStart, match="A and B overlap"):
        load(other)


def test_a_folder_replaces_only_the_tables_that_it_has(tmp_path: Path) -> None:
    write(tmp_path / "driver_branch_cuda.csv", GOOD["driver_branch_cuda.csv"], ["600", "13.3", "a newer table"])
    tables = load(tmp_path)
    assert str(tables.driver_cuda(DriverVersion.parse("605"))) == "13.3"
    assert tables.cuda == TABLES.cuda


def test_newer_tables_judge_what_came_out_later(tmp_path: Path) -> None:
    """What docs/operations.md recommends: two files, for a catalogue that was filled before."""
    image = Image(cuda="13.9.0", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=13.9"),))
    node = Node(driver_version="660.10", compute_capability="9.0", gpu_name="NVIDIA H100 PCIe", architecture="amd64")
    catalogue = [(row.version, row.full_version, row.min_driver) for row in TABLES.cuda]
    ranges = [(row.name, float(row.min_cc), float(row.max_cc)) for row in TABLES.generations]

    def grade(folder: Path | None) -> Grade:
        return judge(image, node, load(folder).with_catalogue(catalogue, ranges), datetime.date(2026, 11, 29)).grade

    assert grade(None) is Grade.UNKNOWN, "a branch and a release beyond every row: never refused"
    write(tmp_path / "cuda.csv", GOOD["cuda.csv"], ["13.9", "13.9.0", "", "its release notes"])
    write(tmp_path / "driver_branch_cuda.csv", GOOD["driver_branch_cuda.csv"], ["660", "13.9", "nvidia-smi"])
    assert grade(tmp_path) is Grade.NATIVE


def write(path: Path, *lines: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
