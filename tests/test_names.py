"""Keeps names apart and files short: a public class name is in one module, and a file is read at one sitting."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import bayplan

PACKAGE = Path(bayplan.__file__).parent
TESTS = Path(__file__).parent
MOST_LINES = 350

SHARED_NAMES: Mapping[str, str] = {}
"""Class names that are in several modules, each with the reason why no better name is to be had."""


def modules_by_class(package: Path) -> dict[str, list[str]]:
    """The files in which each public class is defined, at the top or within another class or function."""
    modules = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].append(path.relative_to(package).as_posix())
    return dict(modules)


def test_a_public_class_name_is_in_one_module() -> None:
    shared = {name: modules for name, modules in modules_by_class(PACKAGE).items() if len(modules) > 1}
    assert {name: modules for name, modules in shared.items() if name not in SHARED_NAMES} == {}
    assert SHARED_NAMES.keys() <= shared.keys(), "reasons for names that are in one module now"


def test_no_file_is_too_long() -> None:
    lines = {
        path.relative_to(folder.parent).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for folder in (PACKAGE, TESTS)
        for path in folder.rglob("*.py")
    }
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_a_name_in_two_modules_is_reported(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("class Image: ...\nclass _Own: ...\n")
    (tmp_path / "two.py").write_text("def f():\n    class Image: ...\nclass _Own: ...\n")
    assert modules_by_class(tmp_path) == {"Image": ["one.py", "two.py"]}
