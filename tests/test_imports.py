"""Keeps the directions in which the package's parts may import one another: the core knows nothing of its surroundings.

The sources are parsed, not imported, so that an import inside a function counts as well.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bayplan

PACKAGE = Path(bayplan.__file__).parent

PURE = frozenset({"errors"})
DOMAIN = PURE | {"domain"}
SERVER = DOMAIN | {"config", "schemas", "registry", "db"}
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "config": DOMAIN,
    "domain": DOMAIN,
    "schemas": DOMAIN | {"schemas"},
    "registry": DOMAIN | {"registry"},
    "db": DOMAIN | {"config", "schemas", "db"},
    "client": PURE | {"schemas", "client"},
    "worker": DOMAIN | {"client", "registry", "worker"},
    "api": SERVER | {"api", "web"},
    "web": SERVER | {"api", "web"},
}
"""What each part may import of the package, besides the package itself (its version). `cli` may import anything."""

OUTSIDE_OF_DOMAIN = frozenset({"packaging", "docker_image"})
"""What the domain may use next to the standard library: pip's version specifiers, the grammar of image references."""

IMPURE = (
    "asyncio", "http", "logging", "os", "random", "secrets", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request",
)  # fmt: skip
"""Parts of the standard library with which a verdict could depend on more than its input."""

CLOCKS = frozenset({"now", "today", "utcnow"})


def part_of(module: Path) -> str:
    """The part of the package that a source file belongs to: "domain" for domain/tables/__init__.py."""
    inside = module.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """Every module that a source file imports, wherever in the file, as (line, absolute dotted name)."""
    package = ("bayplan", *module.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"), filename=str(module))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *((node.module,) if node.module else ())))
            if origin == "bayplan":
                yield from ((node.lineno, f"bayplan.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, origin


def wrong_directions(module: Path) -> list[str]:
    """A sentence for each import in a file that its part of the package may not make."""
    part = part_of(module)
    allowed = MAY_IMPORT.get(part)
    if allowed is None:
        return []
    wrong = []
    for line, name in imported(module):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "bayplan" and target not in allowed | {"", "__version__"}:
            wrong.append(f"{module.relative_to(PACKAGE)}:{line}: {part} must not import {target}")
    return wrong


MODULES = sorted(PACKAGE.rglob("*.py"))


def test_every_part_has_its_rule() -> None:
    """A new part of the package cannot come in without saying what it may import."""
    parts = {part_of(module) for module in MODULES} - {"__init__", "__main__", "cli"}
    assert parts <= set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_imports_go_inwards(module: Path) -> None:
    """No file imports a part of the package that it must not know."""
    assert wrong_directions(module) == []


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) == "domain"], ids=str)
def test_domain_is_pure(module: Path) -> None:
    """The rules use pure parts of the standard library and two grammars: no clock, no network, no database."""
    names = {name for _, name in imported(module) if not name.startswith("bayplan")}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | OUTSIDE_OF_DOMAIN
    assert [name for name in names if f"{name}.".startswith(tuple(f"{one}." for one in IMPURE))] == []
    calls = (
        node.func for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    assert [call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS] == []


def test_the_check_sees_imports_inside_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of `db` that imports `api` inside a function is found out; relative imports are resolved."""
    source = tmp_path / "db" / "store.py"
    source.parent.mkdir()
    source.write_text(
        "def f():\n    from bayplan.api import app\n    from ..web import pages\n    from . import query\n"
    )
    monkeypatch.setattr("tests.test_imports.PACKAGE", tmp_path)
    assert wrong_directions(source) == [
        "db/store.py:2: db must not import api",
        "db/store.py:3: db must not import web",
    ]
