"""Keeps the directions in which the package's parts may import one another: the core knows nothing of its surroundings.

The sources are parsed, not imported, so that an import inside a function counts as well.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bayplan

PACKAGE = Path(bayplan.__file__).parent

EVERYONE = frozenset({"bayplan", "errors", "clock", "config"})
FEATURE = EVERYONE | {"domain", "schemas", "exports", "registry", "scan", "db", "server", "server/http", "server/auth"}
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "bayplan": frozenset(),
    "errors": frozenset(),
    "clock": frozenset(),
    "config": frozenset({"bayplan", "errors", "domain"}),
    "domain": frozenset({"bayplan", "errors", "clock", "domain"}),
    "schemas": EVERYONE | {"domain", "schemas"},
    "exports": EVERYONE | {"domain", "schemas", "exports"},
    "registry": EVERYONE | {"domain", "registry"},
    "scan": EVERYONE | {"domain", "scan"},
    "db": EVERYONE | {"domain", "schemas", "db"},
    "server/http": EVERYONE | {"domain", "schemas", "registry", "scan", "db", "server/http", "server/auth"},
    "server/auth": EVERYONE | {"domain", "schemas", "db", "server/auth", "server/http"},
    "web": EVERYONE | {"domain", "schemas", "exports", "server", "server/http", "server/auth", "web"},
    "client": EVERYONE
    | {"domain", "schemas", "client"},  # it looks names up: references, frameworks, the nearest names
    "agent": EVERYONE | {"client", "domain", "registry", "scan", "schemas", "agent"},
}
"""What each part may import of the package. `cli`, and what wires the server together, may import anything.

A feature of the server (`server/images`, `server/fleet`, ...) may import `FEATURE`, and of other features `queries` alone. So do
pages, which know of the database who asks, and nothing else.
"""

WIRING = frozenset({"cli", "server"})
SHARED_OF_A_FEATURE = "queries"
OUTSIDE_OF_DOMAIN = frozenset({"packaging", "docker_image", "idna"})
"""What the domain may use next to the standard library: pip's version specifiers, the grammars of image references and of host names."""

IMPURE = (
    "asyncio", "http", "logging", "os", "random", "secrets", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request",
)  # fmt: skip
"""Parts of the standard library with which a verdict could depend on more than its input."""

CLOCKS = frozenset({"now", "today", "utcnow"})


def inside(module: Path) -> str:
    """The path of a source file within the package: "server/images/routes.py"."""
    return module.relative_to(PACKAGE).as_posix()


def part_of(path: str) -> str:
    """The part of the package that a source file belongs to: "domain", "server/images", "server" for server/app.py."""
    steps = path.removesuffix("/__init__.py").removesuffix(".py").split("/")
    if steps[0] == "__init__":
        return "bayplan"
    if steps[0] == "server" and (len(steps) > 2 or path.endswith("/__init__.py")):
        return "/".join(steps[:2])
    return steps[0]


def file_of(name: str) -> str | None:
    """The source file that a dotted name of the package leads to: a module's own, or that of what it is in."""
    steps = name.split(".")[1:]
    for length in range(len(steps), -1, -1):
        path = PACKAGE.joinpath(*steps[:length])
        if length and path.with_suffix(".py").is_file():
            return inside(path.with_suffix(".py"))
        if (path / "__init__.py").is_file():
            return inside(path / "__init__.py")
    return None


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """Every module that a source file imports, wherever in the file, as (line, absolute dotted name)."""
    package = ("bayplan", *module.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"), filename=str(module))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *((node.module,) if node.module else ())))
            if origin.partition(".")[0] == "bayplan":
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, origin


def files_imported(module: Path) -> Iterator[tuple[int, str]]:
    """The package's own files that a source file imports, as (line, path)."""
    for line, name in imported(module):
        if name.partition(".")[0] == "bayplan" and (path := file_of(name)) is not None:
            yield line, path


def may_import(path: str, target: str) -> bool:
    """Whether one file of the package may import another."""
    part, other = part_of(path), part_of(target)
    if part in WIRING or part == other:
        return True
    if part == "web" and (target == "db/principal.py" or Path(target).stem == SHARED_OF_A_FEATURE):
        return True
    if part in MAY_IMPORT:
        return other in MAY_IMPORT[part]
    return other in FEATURE or Path(target).stem == SHARED_OF_A_FEATURE


def wrong_directions(module: Path) -> list[str]:
    """A sentence for each import in a file that its part of the package may not make."""
    path = inside(module)
    return [
        f"{path}:{line}: {part_of(path)} must not import {target}"
        for line, target in files_imported(module)
        if not may_import(path, target)
    ]


MODULES = sorted(PACKAGE.rglob("*.py"))


HTTP_PARTS = frozenset({"server/http", "web"})
"""The parts that may know requests and responses, and the files of the server that may."""
HTTP_FILES = frozenset(
    {"routes.py", "app.py", "documentation.py", "health.py", "disclosing.py", "logs.py", "process.py"}
)


@pytest.mark.parametrize("module", MODULES, ids=inside)
def test_below_the_routes_nobody_knows_http(module: Path) -> None:
    """What a feature does can be asked by a page, a metric or the command line as well."""
    path = inside(module)
    if part_of(path) not in HTTP_PARTS and module.name not in HTTP_FILES:
        assert [name for _, name in imported(module) if name.split(".")[0] in ("starlette", "uvicorn")] == []


def test_every_part_has_its_rule() -> None:
    """A new part of the package cannot come in without saying what it may import."""
    parts = {part_of(inside(module)) for module in MODULES}
    assert {part for part in parts if not part.startswith("server/")} <= {*MAY_IMPORT, *WIRING}


@pytest.mark.parametrize("module", MODULES, ids=inside)
def test_imports_go_inwards(module: Path) -> None:
    """No file imports a part of the package that it must not know."""
    assert wrong_directions(module) == []


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """The files of a circle of imports, the first one again at the end; nothing where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_file_imports_in_a_circle() -> None:
    """Whichever file is read first, all that it builds on can be read before it."""
    assert circle({inside(module): {path for _, path in files_imported(module)} for module in MODULES}) == []


def test_a_circle_is_reported() -> None:
    """Also one through a third file."""
    assert circle({"a": ["b"], "b": ["c"], "c": []}) == []
    assert set(circle({"a": ["b"], "b": ["c"], "c": ["a"]})) == {"a", "b", "c"}


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(inside(module)) == "domain"], ids=inside)
def test_domain_is_pure(module: Path) -> None:
    """The rules use pure parts of the standard library and three grammars: no clock, no network, no database."""
    names = {name for _, name in imported(module) if not name.startswith("bayplan")}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | OUTSIDE_OF_DOMAIN
    assert [name for name in names if f"{name}.".startswith(tuple(f"{module}." for module in IMPURE))] == []
    calls = (
        node.func for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    assert [call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS] == []


def test_the_check_sees_imports_inside_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of `db` that imports the server inside a function is found out; relative imports are resolved."""
    for folder in ("db", "server", "server/images", "web"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    for name in ("server/app.py", "server/images/store.py", "web/pages.py", "db/query.py"):
        (tmp_path / name).touch()
    source = tmp_path / "db" / "crud.py"
    source.write_text(
        "def f():\n    from bayplan.server import app\n    from ..web import pages\n    from . import query\n"
        "    from bayplan.server.images import store\n"
    )
    monkeypatch.setattr("tests.test_imports.PACKAGE", tmp_path)
    assert wrong_directions(source) == [
        "db/crud.py:2: db must not import server/app.py",
        "db/crud.py:3: db must not import web/pages.py",
        "db/crud.py:5: db must not import server/images/store.py",
    ]
