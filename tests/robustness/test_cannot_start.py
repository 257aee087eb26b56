"""A server that cannot start says so in one line on standard error, with exit code 1, and without a traceback."""

import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests import catalogue
from tests.postgres import Postgres
from tests.process import ADMIN_PASSWORD, PROGRAM, environment, running_server
from tests.quick import quickest

Prepare = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a server that has run, with a registry password in it."""
    home = tmp_path_factory.mktemp("used") / "home"
    with running_server(home) as server, server.client() as client:
        server.stock()
        body = catalogue.image(registry_username="robot", registry_password="s3cret")
        assert client.post("/v1/docker/create", json=body).status_code == 201
    return home


@pytest.fixture
def home(used_home: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(used_home, tmp_path / "home")


def fails(settings: dict[str, str], *arguments: str) -> str:
    """Starts a server that cannot; gives the line that it says."""
    ended = subprocess.run(
        [PROGRAM, "serve", *arguments],
        env=environment({"admin_password": ADMIN_PASSWORD, "port": "0"} | settings),
        capture_output=True,
        text=True,
        timeout=40,
    )
    message = ended.stderr.strip()
    assert ended.returncode == 1, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert len(message.splitlines()) == 1, message
    return message


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_named(home: Path, taken_port: int) -> None:
    assert str(taken_port) in fails({"home": str(home)}, "--port", str(taken_port))


def test_an_address_that_is_not_this_machines_is_named(home: Path) -> None:
    assert "192.0.2.1" in fails({"home": str(home)}, "--host", "192.0.2.1")


def damaged(name: str, content: bytes | None) -> Prepare:
    """Puts these bytes, or a folder, in place of a file of the home folder."""

    def prepare(home: Path) -> dict[str, str]:
        place = home / name
        place.unlink(missing_ok=True)
        if content is None:
            place.mkdir()
        else:
            place.write_bytes(content)
        return {}

    return prepare


def setting(**values: str) -> Prepare:
    """Sets these."""
    return lambda _home: values


SQLITE = (
    ("a key of nonsense", damaged("secrets.key", b"nonsense"), "secrets.key"),
    ("an empty key", damaged("secrets.key", b""), "secrets.key"),
    ("a folder for a key", damaged("secrets.key", None), "secrets.key"),
    ("a key of bytes", damaged("secrets.key", b"\xff" * 44), "secrets.key"),
    ("a signing key too short", damaged("signing.key", b"short"), "signing.key"),
    ("a folder for a signing key", damaged("signing.key", None), "signing.key"),
    ("a database that is none", damaged("bayplan.db", b"not a database at all" * 100), "bayplan.db"),
    ("a folder for a database", damaged("bayplan.db", None), "bayplan.db"),
    ("a setting that is no number", setting(port="many"), "BAYPLAN_PORT"),
    ("a port beyond", setting(port="70000"), "BAYPLAN_PORT"),
    ("a database of another kind", setting(database="mysql://root@localhost/x"), "BAYPLAN_DATABASE"),
    ("a port of a database that is none", setting(database="postgresql://u:s3cret-pw@h:port/x"), "BAYPLAN_DATABASE"),
    ("an option that is none", setting(database="postgresql://u:s3cret-pw@h/x?colour=red"), "BAYPLAN_DATABASE"),
    ("a database file nowhere", setting(database="sqlite:////proc/nowhere/x.db"), "/proc/nowhere"),
    ("a level that is none", setting(log_level="loud"), "BAYPLAN_LOG_LEVEL"),
    ("a key given that is none", setting(secrets_key="nonsense"), "BAYPLAN_SECRETS_KEY"),
    ("a signing key given too short", setting(signing_key="short"), "BAYPLAN_SIGNING_KEY"),
    ("nobody at the database", setting(database="postgresql://bayplan@127.0.0.1:1/bayplan"), "127.0.0.1"),
    ("no such host", setting(database="postgresql://u:s3cret-pw@nowhere.invalid/bayplan"), "nowhere.invalid"),
)


@pytest.mark.parametrize(("prepare", "named"), [row[1:] for row in SQLITE], ids=[row[0] for row in SQLITE])
def test_what_is_wrong_is_named_in_one_line(home: Path, prepare: Prepare, named: str) -> None:
    message = fails({"home": str(home)} | prepare(home))
    assert named in message
    assert "s3cret-pw" not in message
    assert "nonsense" not in message


def test_a_lost_key_is_missed_before_the_first_password_is_read(home: Path) -> None:
    (home / "secrets.key").unlink()
    assert "key" in fails({"home": str(home)})


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert str(tmp_path / "home") in fails({"home": str(tmp_path / "home")})


def test_a_schema_newer_than_the_program_is_left_alone_sqlite(home: Path) -> None:
    with sqlite3.connect(home / "bayplan.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    connection.close()
    before = (home / "bayplan.db").read_bytes()
    assert "newer" in fails({"home": str(home)})
    assert (home / "bayplan.db").read_bytes() == before


def test_a_schema_newer_than_the_program_is_left_alone_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create("from_the_future")
    with running_server(tmp_path / "home", database=url):
        pass
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    assert "newer" in fails({"home": str(tmp_path / "home"), "database": url})


def test_a_database_that_does_not_exist_is_named(postgres: Postgres, tmp_path: Path) -> None:
    message = fails({"home": str(tmp_path / "home"), "database": postgres.url("no_such_database")})
    assert "no_such_database" in message


@pytest.mark.parametrize(
    ("file", "content"),
    [("cuda.csv", "version,full_version\n12.4\n"), ("compute_capability.csv", "nonsense"), ("domains.csv", "\xff")],
)
def test_a_newer_table_that_is_bad_is_named_with_its_line(tmp_path: Path, file: str, content: str) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / file).write_text(content, encoding="latin-1")
    assert file in fails({"home": str(tmp_path / "home"), "tables": str(tables)})


def test_a_folder_of_tables_that_is_none_or_replaces_nothing_is_named(tmp_path: Path) -> None:
    tables, home = tmp_path / "tables", str(tmp_path / "home")
    assert f"BAYPLAN_TABLES must name a folder, and {tables} is not one" in fails({"home": home, "tables": str(tables)})
    tables.mkdir()
    (tables / "cuda-releases.csv").touch()
    message = fails({"home": home, "tables": str(tables)})
    assert (
        f"{tables / 'cuda-releases.csv'} has the name of no table. Tables are amdgpu_drivers.csv, arch_lists.csv, "
        in message
    )


def test_a_first_password_that_is_too_short_is_refused_and_not_shown(tmp_path: Path) -> None:
    message = fails({"home": str(tmp_path / "home"), "admin_password": "sh0rt"})
    assert "BAYPLAN_ADMIN_PASSWORD must have 8 or more characters." in message
    assert "sh0rt" not in message


def test_what_is_no_first_password_any_more_may_be_anything(home: Path) -> None:
    with running_server(home):
        pass
    with running_server(home, admin_password="sh0rt") as server:
        assert "serves http" in server.log


def test_a_server_asked_to_end_ends_at_once_and_well(tmp_path: Path) -> None:
    with running_server(tmp_path / "home") as server:
        server.process.terminate()
        assert server.process.wait(30) in (0, -15)
        assert "Traceback" not in server.log


def test_a_second_start_takes_less_than_three_seconds(home: Path) -> None:
    def attempt() -> float:
        begin = time.monotonic()
        with running_server(home):
            return time.monotonic() - begin

    attempt()
    assert quickest(attempt, 3) < 3
