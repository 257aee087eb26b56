"""The tree of errors that `bayplan.errors` draws is the one that exists, with the status of each."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import bayplan
import bayplan.errors
from bayplan.errors import BayplanError
from bayplan.server.http.errors import STATUS
from tests.test_imports import MODULES, inside

PACKAGE = Path(bayplan.__file__).parent
LINE = re.compile(r"    (?P<branch>[ |`-]*)(?P<name>_?[A-Z]\w+) +(?P<file>[a-z_/]+\.py) +(?P<status>\d{3}|-)  \S")
STEP = len("|-- ")


def drawn() -> dict[str, tuple[str, str | None, str]]:
    """Each class of the drawing by name: its file, the class above it, its status."""
    tree: dict[str, tuple[str, str | None, str]] = {}
    above: list[str] = []
    for line in (bayplan.errors.__doc__ or "").splitlines():
        if match := LINE.match(line):
            depth = len(match["branch"]) // STEP
            above = [*above[:depth], match["name"]]
            assert match["name"] not in tree, f"{match['name']} is drawn twice"
            tree[match["name"]] = (match["file"], above[depth - 1] if depth else None, match["status"])
    return tree


def exceptions() -> Iterator[tuple[str, type[BaseException]]]:
    """Every exception class that a source file of the package defines, with that file."""
    for module in MODULES:
        path = inside(module)
        if path.startswith("db/migrations/"):  # alembic's own scripts, which only it can import
            continue
        names = [node.name for node in ast.parse(module.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
        if names:
            loaded = importlib.import_module(
                f"bayplan.{path.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
            )
            for name in names:
                kind = getattr(loaded, name)
                if issubclass(kind, BaseException):
                    yield path, kind


def test_the_tree_is_drawn_whole() -> None:
    """Each exception is drawn below the one that it is a kind of, with the file that defines it."""
    ours = {kind: path for path, kind in exceptions()}
    actual = {
        kind.__name__: (path, next((base.__name__ for base in kind.__bases__ if base in ours), None))
        for kind, path in ours.items()
    }
    assert {name: line[:2] for name, line in drawn().items()} == actual


def test_each_status_is_the_drawn_one() -> None:
    """By the table that answers go by; what no request raises has none there."""
    statuses = {name: line[2] for name, line in drawn().items()}
    for path, kind in exceptions():
        if path.startswith(("agent/", "cli/")) or not issubclass(kind, BayplanError):
            assert statuses[kind.__name__] == "-", kind
            continue
        status = next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)
        drawing = statuses[kind.__name__]
        assert drawing == str(status) or (drawing == "-" and status == 500), kind
