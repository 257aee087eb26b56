"""The benchmarks run, and their tables have every row that is promised."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import GROUPS, chosen_rows
from benchmarks.page import rows_of, with_earlier, with_part
from benchmarks.rows import at_least, at_most

from tests.programs import program

ROOT = Path(__file__).parent.parent.parent
REGISTRY_ROWS = (
    "inspection, nothing stored",
    "inspection, stored",
    "memory of the server that inspects, at most",
    "120 images checked, the first time",
    "120 images checked, once more",
    "memory of the server that checks, at most",
)


def measured(module: str, *arguments: str, seconds: float = 170) -> list[str]:
    """The lines of the table that a benchmark prints, in a hurry."""
    command = [sys.executable, "-m", module, "--quick", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def names(lines: list[str]) -> list[str]:
    """The first column of a table, without its head."""
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]]


@pytest.mark.timeout(300)  # servers over both databases, with small catalogues
def test_the_benchmark_prints_every_row_that_is_declared() -> None:
    lines = measured("benchmarks", "--large", seconds=290)
    assert lines[0] == "| work | today | target | measured | met | floor |"
    assert names(lines) == [row.work for group in GROUPS for row in group.rows]
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert {line.split(" | ")[4] for line in lines[2:]} <= {"met", "missed", ""}


def test_rows_are_chosen_by_name() -> None:
    def keys(*chosen: str, is_large: bool = False) -> list[str]:
        return [row.key for _, rows in chosen_rows(chosen, is_large=is_large) for row in rows]

    assert keys("load", "match") == ["load", "match-new", "match-after-write"]
    assert keys("large-apply") == ["large-apply"]
    assert keys("large") == []
    assert "large-export" in keys("large", is_large=True)
    assert not [key for key in keys() if key.startswith("large-")]


def test_a_row_that_there_is_not_is_refused_by_name() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "load,lod"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("No row is named lod. There are: load, ")


def test_a_target_is_met_from_its_limit_on() -> None:
    assert [at_least(0.3).is_met(value) for value in (0.29, 0.3, 0.31)] == [False, True, True]
    assert [at_most(2, "{:g} ms").is_met(value) for value in (1.9, 2, 2.1)] == [True, True, False]
    assert (at_least(0.3).words, at_most(2, "{:g} ms").words) == ("at least 30% of bare", "at most 2 ms")


@pytest.mark.timeout(180)
def test_the_benchmark_of_registries_prints_a_row_for_everything() -> None:
    program("docker-registry")
    lines = measured("benchmarks.registries")
    assert [name.partition(" (")[0] for name in names(lines)] == list(REGISTRY_ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.timeout(180)
def test_the_benchmark_of_credentials_prints_a_row_for_every_question_to_each_database() -> None:
    lines = measured("benchmarks.credentials")
    questions = ("load by pk", "conditional load (304)", "match, the best 10 for one worker", "list of all images")
    assert names(lines) == [f"{name}, {database}" for database in ("SQLite", "PostgreSQL") for name in questions]
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.timeout(180)
def test_the_benchmark_of_scans_prints_a_row_for_each_packing_and_for_the_server() -> None:
    program("docker-registry")
    layers, server = (table.splitlines() for table in "\n".join(measured("benchmarks.scans")).split("\n\n"))
    assert names(layers) == ["gzip", "zstd", "nothing"]
    assert [name.partition(",")[0] for name in names(server)] == [
        "packed layers",
        "packed layers",
        "memory of the process that reads",
        "memory that the server takes for it",
        "the longest that a load waits meanwhile",
    ]


def test_a_benchmark_writes_its_own_part_of_the_page() -> None:
    page = with_part(with_part("# How fast\n", "One", "first"), "Two", "second")
    assert page == "# How fast\n\n## One\n\nfirst\n\n## Two\n\nsecond\n"
    again = with_part(page, "One", "first again\n")
    assert again == "# How fast\n\n## One\n\nfirst again\n\n## Two\n\nsecond\n"
    assert with_part(again, "Two", "x") == "# How fast\n\n## One\n\nfirst again\n\n## Two\n\nx\n"


def test_rows_that_are_measured_alone_leave_the_others_in_the_table() -> None:
    page = "# How fast\n\n## One\n\nWords.\n\n| work | met |\n| --- | --- |\n| b | met |\n| old | met |\n| c |  |\n\n## Two\n"
    earlier = rows_of(page, "One")
    assert earlier == [("b", "met"), ("old", "met"), ("c", "")]
    merged = with_earlier([("a", "missed"), ("c", "met")], earlier, ["a", "b", "c", "d"])
    assert merged == [("a", "missed"), ("b", "met"), ("c", "met")]
    assert rows_of(page, "Two") == rows_of(page, "Three") == []
