"""`bayplan check-database`: nothing on a database in order, each kind of damage by its name, on both databases, beside a server."""

import json
import sqlite3
import subprocess
from collections.abc import Callable

import psycopg
import pytest

from bayplan.server.database_check import CheckedPart, steps
from tests.conftest import Service
from tests.process import PROGRAM, environment

PARTS = ["pages", "tables", "rows", "references", "versions", "secrets", "users"]
Execute = Callable[[str], None]


def checked(service: Service) -> dict[str, CheckedPart]:
    """All parts, by name."""
    return {name: check() for name, check in steps(service.settings)}


def problems(service: Service) -> dict[str, list[str]]:
    """The problems by the part that has them; each part that has some says what to do."""
    parts = {name: part for name, part in checked(service).items() if part.problems}
    assert all(part.remedy for part in parts.values())
    return {name: list(part.problems) for name, part in parts.items()}


@pytest.fixture
def execute(service: Service) -> Execute:
    """Changes the database behind the program's back."""

    def run(statement: str) -> None:
        if service.kind == "postgresql":
            with psycopg.connect(service.settings.database_url, autocommit=True) as server:
                server.execute(statement.encode())
            return
        connection = sqlite3.connect(service.settings.home / "bayplan.db", isolation_level=None)
        connection.execute(statement)
        connection.close()

    return run


def test_a_database_in_order_has_no_problem(service: Service) -> None:
    service.make("docker", registry_username="robot", registry_password="s3cret")
    parts = checked(service)
    assert list(parts) == PARTS
    assert problems(service) == {}
    assert parts["secrets"].checked == "1 password"
    assert int(parts["rows"].checked.partition(" ")[0].replace(",", "")) > 100


def test_each_kind_of_damage_is_named(service: Service, execute: Execute) -> None:
    pks = [service.make("docker", registry_username="robot", registry_password="s3cret")["pk"] for _ in range(2)]
    version = service.anonymous.get("/readyz").json()["catalogue_version"]
    execute(f"UPDATE images SET registry_password = 'v1:0badf00d:AAAA' WHERE pk = {pks[0]}")
    execute(f"UPDATE changes SET version = {version + 7} WHERE version = {version}")
    execute("UPDATE users SET is_active = false")
    if service.kind == "sqlite":  # PostgreSQL allows neither
        execute(f"UPDATE images SET framework = 4711 WHERE pk = {pks[1]}")
        execute(f"UPDATE images SET tasks = 'no JSON' WHERE pk = {pks[1]}")
    found = problems(service)
    assert found.pop("versions") == [f"changes.version is {version + 7}, and the catalogue's version only {version}"]
    (secret,) = found.pop("secrets")
    assert "0badf00d" in secret
    assert f"(image {pks[0]})" in secret
    assert found.pop("users") == ["no active user is staff"]
    if service.kind == "sqlite":
        assert found.pop("references") == ["images.framework names no row of frameworks: 1 times"]
        unread, odd = found.pop("rows")
        assert unread.startswith("the table images: ")
        assert odd == "images.tasks has values that bayplan did not write: 1 times"
    assert found == {}


def test_a_missing_table_and_an_older_schema_end_the_check(service: Service, execute: Execute) -> None:
    execute("ALTER TABLE login_uses RENAME TO away")
    assert problems(service) == {"tables": ["it lacks the table login_uses"]}
    execute("UPDATE alembic_version SET version_num = '0001'")
    assert checked(service)["tables"].remedy.startswith("'bayplan migrate'")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_command_says_it_all_with_an_exit_code_of_its_own(service: Service) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        settings = environment({"home": str(service.settings.home)})
        return subprocess.run([PROGRAM, *arguments], env=settings, capture_output=True, text=True, timeout=60)

    done = run("check-database")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == PARTS
    with (service.settings.home / "bayplan.db").open("r+b") as file:
        file.write(b"overwritten")
    done = run("check-database", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    (part,) = json.loads(done.stdout)
    assert (part["name"], part["problems"]) == ("pages", ["file is not a database"])
    assert "backup" in part["remedy"]
