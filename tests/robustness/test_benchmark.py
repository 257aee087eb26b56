"""The benchmark runs, and its table has every row that is promised."""

import subprocess
import sys
from pathlib import Path

import pytest

ROWS = (
    "list of 1,000",
    "load by pk",
    "conditional load (304)",
    "filter that gives 20, by framework",
    "match, the best 10 for one worker",
    "create, one client",
    "create, eight clients",
    "memory of the server, at most",
)


@pytest.mark.timeout(180)
def test_the_benchmark_prints_a_row_for_every_question() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:] if "by task" not in line] == list(ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
