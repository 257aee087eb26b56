"""The benchmarks run, and their tables have every row that is promised."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.page import with_part

from tests.programs import program

ROOT = Path(__file__).parent.parent.parent
ROWS = (
    "list of 1,000",
    "load by pk",
    "conditional load (304)",
    "filter that gives 20, by framework",
    "match, the best 10 for one worker",
    "heartbeat of a node",
    "create, one client",
    "create, eight clients",
    "memory of the server, at most",
)
REGISTRY_ROWS = (
    "inspection, nothing stored",
    "inspection, stored",
    "memory of the server that inspects, at most",
    "120 images verified, the first time",
    "120 images verified, once more",
    "memory of the server that verifies, at most",
    "`bayplan worker status`",
    "`bayplan worker run`, until its first heartbeat",
    "memory of `bayplan worker run`, at most",
)


def measured(module: str) -> list[str]:
    """The lines of the table that a benchmark prints, in a hurry."""
    command = [sys.executable, "-m", module, "--quick"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def names(lines: list[str]) -> list[str]:
    """The first column of a table, without its head."""
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]]


@pytest.mark.timeout(180)
def test_the_benchmark_prints_a_row_for_every_question() -> None:
    lines = measured("benchmarks")
    assert [name for name in names(lines) if "by task" not in name] == list(ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.timeout(180)
def test_the_benchmark_of_registries_prints_a_row_for_everything() -> None:
    program("docker-registry")
    lines = measured("benchmarks.registries")
    assert [name.partition(" (")[0] for name in names(lines)] == list(REGISTRY_ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.timeout(180)
def test_the_benchmark_of_log_ins_prints_a_row_for_every_question_to_each_database() -> None:
    lines = measured("benchmarks.log_ins")
    questions = ("load by pk", "conditional load (304)", "match, the best 10 for one worker", "list of all images")
    assert names(lines) == [f"{name}, {database}" for database in ("SQLite", "PostgreSQL") for name in questions]
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_a_benchmark_writes_its_own_part_of_the_page() -> None:
    page = with_part(with_part("# How fast\n", "One", "first"), "Two", "second")
    assert page == "# How fast\n\n## One\n\nfirst\n\n## Two\n\nsecond\n"
    again = with_part(page, "One", "first again\n")
    assert again == "# How fast\n\n## One\n\nfirst again\n\n## Two\n\nsecond\n"
    assert with_part(again, "Two", "x") == "# How fast\n\n## One\n\nfirst again\n\n## Two\n\nx\n"
