"""Documentation that goes stale fails: what exists is documented, and what is documented exists."""

import ast
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
import typer.main

import bayplan
from bayplan.config import Settings
from bayplan.domain.compatibility.rules import RULES
from tests.process import ADMIN_PASSWORD, PROGRAM, environment, running_server
from tests.readme import TOURED, toured_page
from tests.test_imports import EVERYONE, FEATURE, MAY_IMPORT, SHARED_OF_A_FEATURE, WIRING
from tests.tour import ROOT, SERVED_AT

DOCS = ROOT / "docs"
PACKAGE = Path(bayplan.__file__).parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")])
DOCUMENTED_BY_HAND = {"/docs", "/openapi.json"}
"""Paths that the server answers and its own description leaves out."""

FEATURES = "server/..."
"""The row of docs/architecture.md for all features of the server."""

NEVER_SENT = {"error", "cannot_start", "unreachable"}
"""Codes of the base class, of a server that does not start, and of a client that finds none."""


def page(name: str) -> str:
    """The text of a page in docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def without_names(path: str) -> str:
    """A path with its parameters' names left out: "/v1/docker/{PK}" and "/v1/docker/{pk}" are one."""
    return re.sub(r"{[^}]*}", "{}", path)


@pytest.fixture(scope="module")
def operations() -> set[tuple[str, str]]:
    """Every method and path of the API, from the table of routes."""
    from bayplan.server.routes import API_ROUTES

    return {(route.method, without_names(route.path)) for route in API_ROUTES}


def documented_operations() -> set[tuple[str, str]]:
    """Every method and path that docs/api.md names, as in `GET /v1/docker/{PK}`."""
    calls = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`?]*)", page("api.md"))
    return {(method, without_names(path)) for method, path in calls}


def test_every_operation_is_documented(operations: set[tuple[str, str]]) -> None:
    """docs/api.md names all of the API."""
    assert operations - documented_operations() == set()


def test_every_documented_operation_exists(operations: set[tuple[str, str]]) -> None:
    """docs/api.md names nothing that the API does not have."""
    assert {(m, p) for m, p in documented_operations() - operations if p not in DOCUMENTED_BY_HAND} == set()


def test_every_setting_is_documented() -> None:
    """The table in docs/operations.md has a row for each setting, with its default where that is a plain value."""
    text = page("operations.md")
    rows = dict(re.findall(r"^\| `(BAYPLAN_[A-Z_]+)` \| ([^|]*) \|", text, re.MULTILINE))
    assert set(rows) == {f"BAYPLAN_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, (str, int)):
            assert f"`{field.default}`" in rows[f"BAYPLAN_{name.upper()}"], name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    """No page names a setting that there is not."""
    named = set(re.findall(r"BAYPLAN_[A-Z]+(?:_[A-Z]+)*", path.read_text(encoding="utf-8")))
    assert named <= {f"BAYPLAN_{name.upper()}" for name in Settings.model_fields}


def commands() -> dict[str, set[str]]:
    """Every command by its words ("images list", "serve"), with its long options."""
    from bayplan.cli import app

    options_of: dict[str, set[str]] = {}

    def collect(command: Any, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            options = (
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            )
            options_of[" ".join(words)] = {option for option in options if option.startswith("--")}
        for name, subcommand in (inner or {}).items():
            collect(subcommand, (*words, name))

    collect(typer.main.get_command(app), ())
    return options_of


def test_every_command_is_documented() -> None:
    """docs/cli.md names all commands and all of their options."""
    text = page("cli.md")
    for name, options in commands().items():
        assert f"bayplan {name}" in text, name
        named = set(re.findall(r"--[a-z][a-z-]*", text))
        assert sorted(options - named) == [], name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_import_in_an_example_works(path: Path) -> None:
    """What the Python examples of a page take from bayplan is there."""
    for example in re.findall(r"^```python\n(.+?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "bayplan":
                module = importlib.import_module(node.module or "")
                assert [name.name for name in node.names if not _has(module, name.name)] == [], node.module


def _has(module: ModuleType, name: str) -> bool:
    """Whether `from module import name` works: the name may be a module that nothing has imported yet."""
    return hasattr(module, name) or importlib.util.find_spec(f"{module.__name__}.{name}") is not None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    """Code that begins with `bayplan` in a page names a command that exists."""
    names = commands()
    groups = {name.split()[0] for name in names}
    code = re.findall(
        r"(?:`|^(?:\$ )?)bayplan ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)",
        path.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    for command in code:
        first = command.split()[0]
        assert first in groups, command
        assert first in names or command == first or command in names, command


def test_every_reason_code_is_documented() -> None:
    """docs/rules.md says what each reason code means."""
    reasons = set(importlib.import_module("bayplan.domain.compatibility.verdict").ReasonCode)
    text = page("rules.md")
    assert [code for code in reasons if f"`{code}`" not in text] == []


def test_every_reason_code_has_its_section_in_troubleshooting() -> None:
    """docs/troubleshooting.md says for each reason code what to do, and for no other."""
    reasons = set(importlib.import_module("bayplan.domain.compatibility.verdict").ReasonCode)
    assert set(re.findall(r"^### (\w+)$", page("troubleshooting.md"), re.MULTILINE)) == reasons


def test_the_pages_become_a_site_without_internet(tmp_path: Path) -> None:
    """`make docs`: every page is in the navigation, every link leads somewhere, search is there, and nothing is loaded from elsewhere."""
    subprocess.run(
        [str(PROGRAM.with_name("sphinx-build")), "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(tmp_path)],
        check=True,
        timeout=100,
    )
    assert "compat_on_wrong_gpu" in (tmp_path / "searchindex.js").read_text(encoding="utf-8")
    for site_page in tmp_path.glob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(https?:|//)", site_page.read_text("utf-8")
        )
        assert loaded == [], site_page.name


def error_codes() -> Iterator[tuple[str, str]]:
    """Every code that an error of the server can have, and the file that says so: from the sources, as they are written."""
    for module in sorted(PACKAGE.rglob("*.py")):
        if module.relative_to(PACKAGE).parts[0] in ("cli", "client", "agent"):
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                assignments = [statement for statement in node.body if isinstance(statement, ast.Assign)]
                constants = [line.value for line in assignments if ast.unparse(line.targets[0]) == "code"]
            elif isinstance(node, ast.Call):
                callee = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                constants = [word.value for word in node.keywords if word.arg == "code"]
                place = {"at": 1, "Problem": 1, "problem": 1, "PydanticCustomError": 0}.get(callee, 99)
                constants += node.args[place : place + 1]
            else:
                continue
            for constant in constants:
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield constant.value, str(module.relative_to(PACKAGE))


def test_every_error_code_is_documented() -> None:
    """docs/api.md, or docs/registries.md for those of registries, says what each error code means, reasons' aside."""
    reasons = set(importlib.import_module("bayplan.domain.compatibility.verdict").ReasonCode)
    text = page("api.md") + page("registries.md")
    missing = {(code, where) for code, where in error_codes() if f"`{code}`" not in text and code not in reasons}
    assert {(code, where) for code, where in missing if code not in NEVER_SENT} == set()


def anchors(text: str) -> set[str]:
    """The anchors that a Markdown page's headings get."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    """Relative links name a file of the repository, and an anchor in it where they name one."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.timeout(400)  # two dozen commands, each a process of its own
@pytest.mark.parametrize("path", TOURED, ids=lambda path: path.name)
def test_a_toured_page_shows_what_is_printed(path: Path) -> None:
    """The commands of the page, run on a fresh server, print what it shows; `make tour` writes it."""
    shown = path.read_text(encoding="utf-8")
    assert toured_page(shown) == shown


def test_the_readme_is_short() -> None:
    """At most 250 lines: what is longer belongs into docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_make_install_brings_all_that_the_tour_needs() -> None:
    """The README's reader has what `make run` installs: the server, and the worker's part for the end of the tour."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    install = (ROOT / "scripts" / "install").read_text(encoding="utf-8")
    assert set(re.findall(r"--extra (\w+)", install)) == set(extras)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_examples_work(tmp_path: Path) -> None:
    """The `sh` blocks of docs/api.md, run as one script on a fresh server, all succeed."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page("api.md"), re.MULTILINE | re.DOTALL))
    assert len(re.findall(r"^(?:curl|ask) ", script, re.MULTILINE)) >= 25
    with running_server(tmp_path / "home") as server:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-x", "-c", script.replace(SERVED_AT, server.url)],
            cwd=tmp_path,
            env=environment({})
            | {"PASSWORD": ADMIN_PASSWORD, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_path_that_the_architecture_names_exists() -> None:
    """Files and folders in docs/architecture.md are there: below the package, or in the repository."""
    paths = set(re.findall(r"`([a-z_0-9]+(?:/[a-z_0-9]+)*/(?:[a-z_0-9]+\.[a-z]+)?)`", page("architecture.md")))
    assert {"domain/compatibility/node.py", "tests/test_imports.py", "db/migrations/versions/"} <= paths
    assert [path for path in sorted(paths) if not ((PACKAGE / path).exists() or (ROOT / path).exists())] == []


def test_the_architectures_table_of_imports_is_what_the_imports_are_tested_by() -> None:
    """Each part has a row, and the row names what `tests/test_imports.py` allows."""
    rows = dict(re.findall(r"^\| `([a-z/.]+)` \| [^|]+ \| ([^|]+) \|$", page("architecture.md"), re.MULTILINE))
    allowed = {**MAY_IMPORT, FEATURES: FEATURE | {SHARED_OF_A_FEATURE}}
    assert set(rows) == {*allowed, *WIRING}
    for part, cell in rows.items():
        if part in WIRING:
            assert cell == "anything"
        else:
            named = set(re.findall(r"`([a-z/]+)`", cell)) | (EVERYONE if "everyone's" in cell else set())
            assert named == allowed[part] - {part}, part


def test_the_servers_own_pages_answer(tmp_path: Path) -> None:
    """What `DOCUMENTED_BY_HAND` leaves out of the comparison is really there."""
    with running_server(tmp_path / "home") as server:
        assert {httpx2.get(server.url + path).status_code for path in DOCUMENTED_BY_HAND} == {200}


def test_every_rule_says_which_of_the_page_it_is_and_none_is_missing() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    documented = {int(number) for number in re.findall(r"^([0-9]+)\. \*\*", page, re.MULTILINE)}
    # "Rule 3: ...", "Rules 5 and 8: ...", "The caveat of rule 12: ..."
    beginnings = [(rule.check.__doc__ or "").split(":")[0] for rule in RULES.all]
    coded = {int(number) for words in beginnings if "ule" in words for number in re.findall(r"[0-9]+", words)}
    assert coded == documented == set(range(1, 15))
    assert all(re.search(r"[Rr]ules? [0-9]|caveat", words) for words in beginnings), beginnings
