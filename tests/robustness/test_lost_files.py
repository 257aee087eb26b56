"""A database or a key that is lost or another: the start refuses in a sentence, a running server goes on, and commands make nothing."""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bayplan.cli.user import _accounts
from bayplan.config import Settings
from bayplan.db.keyring import new_key
from bayplan.errors import BayplanError
from bayplan.server.process import migrate, rotate
from bayplan.server.start import prepare_server
from tests import catalogue
from tests.process import ADMIN_PASSWORD, PROGRAM, Server, environment, running_server
from tests.server.checks.conftest import eventually

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a server that has run, with two registry passwords."""
    home = tmp_path_factory.mktemp("used") / "home"
    with running_server(home) as server, server.client() as client:
        server.stock()
        for number in range(2):
            body = catalogue.image(name=f"image-{number}", registry_username="robot", registry_password="s3cret")
            assert client.post("/v1/docker/create", json=body).status_code == 201
    return home


@pytest.fixture
def home(used_home: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(used_home, tmp_path / "home")


def run(home: Path, *arguments: str, typed: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
    """What a command of the server's machine did."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=environment({"home": str(home), "admin_password": ADMIN_PASSWORD, "port": "0"} | settings),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
    )


def sentence(home: Path, *arguments: str, typed: str = "", **settings: str) -> str:
    """The one line that a command fails with."""
    done = run(home, *arguments, typed=typed, **settings)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def settings_of(home: Path) -> Settings:
    """The settings of a server over that folder."""
    return Settings.model_validate({"home": home, "admin_password": ADMIN_PASSWORD})


def refusal(work: Callable[[], object]) -> str:
    """The sentence that the work ends with; the command line prints it, and nothing else."""
    with pytest.raises(BayplanError) as caught:
        work()
    assert "\n" not in caught.value.detail
    return caught.value.detail


def start(home: Path) -> None:
    """Does what a start does before it serves."""
    asyncio.run(prepare_server(settings_of(home), new_catalogue=False))


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sql(home: Path, statement: str) -> None:
    """Changes the database behind the program's back."""
    with sqlite3.connect(home / "bayplan.db") as connection:
        connection.execute(statement)
    connection.close()


def empty_but_a_log(home: Path) -> None:
    """Leaves the write-ahead log alone, as a `rm bayplan.db secrets.key signing.key` under a running server does."""
    for name in ("secrets.key", "signing.key"):
        (home / name).unlink()
    (home / "bayplan.db").write_bytes(b"")
    (home / "bayplan.db-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(4096))


def without_tables(home: Path) -> None:
    """Puts a database with nothing in it there."""
    (home / "bayplan.db").unlink()
    sql(home, "PRAGMA journal_mode = WAL")


LOST: dict[str, Change] = {
    "a file of no bytes": lambda home: (home / "bayplan.db").write_bytes(b""),
    "no file": lambda home: (home / "bayplan.db").unlink(),
    "no tables": without_tables,
    "nothing but a log": empty_but_a_log,
}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
def test_a_lost_database_is_no_fresh_catalogue(home: Path, lose: Change) -> None:
    lose(home)
    before = files(home)
    message = refusal(lambda: start(home))
    assert f"There is no catalogue in {home / 'bayplan.db'}, but " in message
    assert "restore a backup" in message
    assert "--new-catalogue" in message
    assert files(home) == before


def test_a_new_catalogue_begins_where_it_is_asked_for_and_takes_no_old_token(home: Path) -> None:
    with running_server(home) as server:
        token = server.token()
    (home / "bayplan.db").unlink()
    with running_server(home, "--new-catalogue") as server, server.client() as client:
        assert client.get("/v1/docker/1").status_code == 404
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/docker/1", headers=headers).status_code == 401


def test_a_first_start_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    """The database is made before the keys."""
    home = tmp_path / "home"
    start(home)
    for name in ("secrets.key", "signing.key"):
        (home / name).unlink()
    start(home)
    assert {"secrets.key", "signing.key"} <= files(home).keys()


def damaged_pages(home: Path) -> None:
    """Damages every page but the first."""
    path = home / "bayplan.db"
    content = bytearray(path.read_bytes())
    page_bytes = int.from_bytes(content[16:18], "big")
    for start in range(page_bytes, len(content), page_bytes):
        content[start : start + 16] = b"\xff" * 16
    path.write_bytes(content)


def one_damaged_page(home: Path) -> None:
    """Damages the last page, which a start does not read."""
    with (home / "bayplan.db").open("r+b") as file:
        file.seek(-4096, 2)
        file.write(b"\xff" * 512)


DAMAGED: dict[str, tuple[Change, str]] = {
    "pages": (damaged_pages, "is damaged ("),
    "one page": (one_damaged_page, "is damaged ("),
    "cut off": (lambda home: (home / "bayplan.db").write_bytes(files(home)["bayplan.db"][:9000]), "is damaged ("),
    "log": (lambda home: (home / "bayplan.db-wal").write_bytes(b"no log" * 9), "write-ahead log"),
    "no table": (lambda home: sql(home, "DROP TABLE holdings"), "lacks the table holdings"),
    "no column": (lambda home: sql(home, "ALTER TABLE users DROP COLUMN email"), "lacks the column users.email"),
    "no version": (lambda home: sql(home, "DELETE FROM catalogue"), "no row"),
    "no schema's number": (lambda home: sql(home, "DELETE FROM alembic_version"), "restore a backup"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_database_ends_the_start_in_a_sentence(home: Path, damage: Change, words: str) -> None:
    damage(home)
    message = refusal(lambda: start(home))
    assert words in message
    assert "backup" in message


def test_a_damaged_database_ends_the_program_without_a_traceback(home: Path) -> None:
    damaged_pages(home)
    assert "is damaged (" in sentence(home, "serve")


COMMANDS: dict[str, Callable[[Settings], object]] = {
    "user list": _accounts.listed,
    "user add": lambda settings: _accounts.add(settings, {"username": "kim", "password": "a long password"}),
    "secrets rotate": lambda settings: rotate(settings, new_key=True, forget_lost=False),
    "migrate": migrate,
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_makes_no_catalogue(tmp_path: Path, command: Callable[[Settings], object]) -> None:
    home = tmp_path / "elsewhere"
    message = refusal(lambda: command(settings_of(home)))
    assert f"There is no catalogue in {home / 'bayplan.db'}" in message
    assert "BAYPLAN_HOME" in message
    assert not home.exists()


def test_a_password_is_not_asked_for_where_there_is_no_catalogue(tmp_path: Path) -> None:
    message = sentence(tmp_path / "elsewhere", "user", "password", "admin", "--password-stdin", typed="")
    assert f"There is no catalogue in {tmp_path / 'elsewhere' / 'bayplan.db'}" in message


def test_users_are_there_without_any_key(home: Path) -> None:
    (home / "secrets.key").unlink()
    (home / "signing.key").unlink()
    assert [user["username"] for user in json.loads(_accounts.listed(settings_of(home)))] == ["admin"]
    assert not (home / "secrets.key").exists()


def test_a_lost_key_ends_the_start_and_no_other_is_made(home: Path) -> None:
    (home / "secrets.key").unlink()
    message = refusal(lambda: start(home))
    assert f"{home / 'secrets.key'} is gone, and 2 registry passwords" in message
    assert not (home / "secrets.key").exists()
    (home / "secrets.key").write_text(new_key())
    assert "--forget-lost" in refusal(lambda: start(home))
    done = run(home, "secrets", "rotate", "--forget-lost")
    assert "Removed the credentials of 2 images" in done.stdout, done.stderr
    with running_server(home) as server, server.client() as client:
        image = client.get("/v1/docker/1").json()
        assert (image["registry_username"], image["registry_password"]) == (None, None)
        assert client.get("/v1/history?resource=docker&limit=1").json()[0]["action"] == "change"


def test_a_process_that_is_started_again_makes_no_new_catalogue(home: Path) -> None:
    with running_server(home, "--processes", "2") as server:
        eventually(lambda: server.log.count("Application startup complete") == 2)
        first = int(re.findall(r"Process 1 has pid (\d+)", server.log)[-1])
        for name in ("bayplan.db", "secrets.key"):
            (home / name).rename(home / f"{name}.away")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: "ERROR process 1: The database file" in server.log)
        assert not (home / "bayplan.db").exists()
        (home / "bayplan.db.away").rename(home / "bayplan.db")
        eventually(lambda: server.log.count("process 1: Application startup complete") == 2)
        with server.client() as client:
            eventually(lambda: {client.get("/readyz").status_code for _ in range(10)} == {200})
        assert not (home / "secrets.key").exists()
    assert "Traceback" not in server.log


@pytest.fixture(scope="module")
def running(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a copy of the home, whose first image has a password that was altered, and files open to others."""
    home = shutil.copytree(used_home, tmp_path_factory.mktemp("running") / "home")
    sql(home, "UPDATE images SET registry_password = 'v1:nonsense' WHERE pk = 1")
    (home / "secrets.key").chmod(0o644)
    (home / "bayplan.db").chmod(0o640)
    with running_server(home, log_level="warning") as server:
        yield server
        assert "Traceback" not in server.log


def test_files_that_others_can_read_are_named_with_the_remedy(running: Server) -> None:
    for name in ("secrets.key", "bayplan.db"):
        assert f"run 'chmod 600 {running.home / name}'." in running.log
    assert "signing.key" not in running.log


def test_one_password_that_no_key_decrypts_takes_nothing_else_down(running: Server) -> None:
    assert "1 images are shown without their passwords" in running.log
    with running.client() as client:
        answer = client.post("/v1/docker/list")
        assert [(i["registry_username"], i["registry_password"]) for i in answer.json()] == [
            ("robot", None),
            ("robot", "s3cret"),
        ]
        assert "etag" not in answer.headers  # with the key it would be the same
        assert client.get("/v1/docker/1").json()["registry_password"] is None
        refused = client.get("/v1/docker/1/docker-config")
        assert (refused.status_code, refused.json()["code"]) == (503, "unknown_key")
        assert str(running.home) not in refused.text
        assert client.get("/v1/docker/2/docker-config").status_code == 200
        assert [row["images"] for row in client.get("/v1/credentials").json()] == [2]
        exported = {image["name"]: image for image in client.get("/v1/catalogue/export?secrets=true").json()["images"]}
        assert "registry_username" not in exported["image-0"]
        assert exported["image-1"]["registry_password"] == "s3cret"


def test_a_key_file_that_is_removed_or_replaced_stops_new_passwords_alone(running: Server) -> None:
    file = running.home / "secrets.key"
    key = file.read_text()
    body = catalogue.image(registry_username="robot", registry_password="new")
    with running.client() as client:
        for content in (None, "nonsense", ""):
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_text(content)
            answer = client.post("/v1/docker/create", json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "unknown_key"), answer.text
            assert str(running.home) not in answer.text
            assert client.post("/v1/docker/create", json=catalogue.image()).status_code == 201
            assert client.post("/v1/docker/list").status_code == 200
            assert client.get("/readyz").status_code == 200
        file.write_text(new_key())
        assert client.post("/v1/docker/create", json=body).status_code == 201
        images = {image["pk"]: image for image in client.post("/v1/docker/list").json()}
        assert images[2]["registry_password"] is None
        assert images[max(images)]["registry_password"] == "new"
        file.write_text(f"{file.read_text()}\n{key}")
        assert client.post(
            "/v1/docker/create", json=catalogue.image() | {"registry_username": "r", "registry_password": "p"}
        )
        assert client.get("/v1/docker/2").json()["registry_password"] == "s3cret"
