"""docs/security.md names for each claim a test that holds it: all of them are there."""

import ast
import re
from pathlib import Path

import pytest

from tests.tour import ROOT

CLAIMS = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## How the claims are tested")[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", CLAIMS)))


def names_in(file: Path) -> set[str]:
    """The names of a file's tests."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda text: text.rpartition("/")[2])
def test_a_test_that_a_claim_names_exists(file: str, test: str) -> None:
    there = names_in(ROOT / file)
    assert test in there if test else there


def test_every_claim_names_one() -> None:
    rows = [line for line in CLAIMS.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 13
    assert [row for row in rows if "`tests/" not in row] == []
