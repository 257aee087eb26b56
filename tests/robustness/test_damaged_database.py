"""The embedded database's files are damaged, moved, locked or full under a running server: a 503, no traceback, and it recovers."""

import resource
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests import catalogue
from tests.process import Server, running_server
from tests.server.checks.conftest import eventually

QUERY = {"expressions": [{"type": "contains", "field": "name", "sub_string": "of-the-disk"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with some images, which each test leaves as it was."""
    with running_server(tmp_path_factory.mktemp("damaged") / "home") as server, server.client() as client:
        server.stock()
        for _ in range(5):
            assert create(client) == 201
        with sqlite3.connect(server.home / "bayplan.db") as connection:
            connection.execute("PRAGMA wal_checkpoint")  # so that the pages are in the file
        connection.close()
        yield server
        assert "Traceback" not in server.log
        assert max(len(line) for line in server.log.splitlines()) < 500


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """A client of staff of a server that is well before and after the test."""
    with server.client() as client:
        eventually(lambda: client.get("/readyz").status_code == 200)
        yield client
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert create(client) == 201
        assert client.post("/v1/docker/list", json=QUERY).status_code == 200


def create(client: httpx2.Client) -> int:
    """The status of a write."""
    return client.post("/v1/docker/create", json=catalogue.image()).status_code


def refused(answer: httpx2.Response, server: Server, words: str) -> None:
    """Checks that the answer is 503 with those words and nothing about paths."""
    assert answer.status_code == 503, answer.text
    assert words in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    assert str(server.home) not in answer.text
    assert "bayplan.db" not in answer.text


@pytest.mark.parametrize("moved", ["bayplan.db", "", "bayplan.db-wal"], ids=["file", "folder", "log"])
def test_files_that_are_moved_away_are_missed_and_used_again_when_they_are_back(
    server: Server, client: httpx2.Client, moved: str
) -> None:
    path = server.home / moved if moved else server.home
    away = path.with_name(path.name + ".away")
    path.rename(away)
    try:
        # A write is never answered that went into a file that nobody finds again.
        refused(client.post("/v1/docker/create", json=catalogue.image()), server, "moved or replaced")
        refused(client.get("/readyz"), server, "moved or replaced")
        eventually(lambda: client.post("/v1/docker/list", json=QUERY).status_code == 503)
        assert client.get("/healthz").status_code == 200
        assert not path.exists()
    finally:
        away.rename(path)


def test_damaged_pages_are_found(server: Server, client: httpx2.Client) -> None:
    path = server.home / "bayplan.db"
    whole = path.read_bytes()
    page_bytes = int.from_bytes(whole[16:18], "big")
    with path.open("r+b") as file:
        for page in range(1, len(whole) // page_bytes):
            file.seek(page * page_bytes)
            file.write(b"\xff" * 64)
    try:
        eventually(lambda: client.get("/readyz").status_code == 503)
        refused(client.get("/readyz"), server, "damaged")
        refused(client.post("/v1/docker/create", json=catalogue.image()), server, "damaged")
        assert client.get("/healthz").status_code == 200
        eventually(lambda: f"The database {path} is damaged (" in server.log)
    finally:
        with path.open("r+b") as file:
            file.write(whole)


@pytest.mark.parametrize("content", [b"", b"this is a text, and no database"], ids=["cut off", "overwritten"])
def test_a_file_without_its_beginning_is_found_at_once(server: Server, client: httpx2.Client, content: bytes) -> None:
    path = server.home / "bayplan.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    connection.close()
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content)
        file.truncate(len(whole) if content else 0)
    try:
        refused(client.get("/readyz"), server, "The database")
    finally:
        with path.open("r+b") as file:
            file.write(whole)


def test_a_lock_of_another_program_is_waited_for_and_then_said(server: Server, client: httpx2.Client) -> None:
    connection = sqlite3.connect(server.home / "bayplan.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(8) as threads:
        bodies = [catalogue.image() for _ in range(7)]
        waiting = [threads.submit(client.post, "/v1/docker/create", json=body) for body in bodies]
        waiting.append(threads.submit(client.get, "/readyz"))
        answers = [answer.result() for answer in waiting]
    assert client.post("/v1/docker/list", json=QUERY).status_code == 200  # reads go on
    connection.execute("ROLLBACK")
    connection.close()
    for answer in answers:
        refused(answer, server, "locked by another program")
        assert answer.elapsed.total_seconds() < 5
    assert create(client) == 201


def test_a_full_disk_stops_writes_alone(server: Server, client: httpx2.Client) -> None:
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        refused(client.post("/v1/docker/create", json=catalogue.image()), server, "no room left")
        refused(client.get("/readyz"), server, "no room left")
        assert client.post("/v1/docker/list", json=QUERY).status_code == 200
        assert client.post("/v1/nodes/list").status_code == 200
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_table_that_is_gone_is_named(server: Server, client: httpx2.Client) -> None:
    connection = sqlite3.connect(server.home / "bayplan.db", isolation_level=None)
    connection.execute("ALTER TABLE licences RENAME TO licences_away")
    try:
        refused(client.post("/v1/licences/list"), server, "lacks tables or columns")
        refused(client.get("/readyz"), server, "lacks tables or columns")
        eventually(lambda: "(no such table: licences)" in server.log)
    finally:
        connection.execute("ALTER TABLE licences_away RENAME TO licences")
        connection.close()


ODD_VALUES = {
    "flag": ("images", "cpu", "garbage", "/v1/docker/list"),
    "list": ("images", "tasks", '["train"', "/v1/docker/list"),
    "bytes": ("licences", "url", b"\xff\xfe", "/v1/licences/list"),
    "reference": ("images", "licence", -5, "/v1/catalogue/export"),
    "version": ("catalogue", "version", "garbage", "/v1/docker/list"),
}


@pytest.mark.parametrize("name", ODD_VALUES)
def test_a_value_that_bayplan_did_not_write_is_named_where_it_is_read(
    server: Server, client: httpx2.Client, name: str
) -> None:
    table, column, value, path = ODD_VALUES[name]
    connection = sqlite3.connect(server.home / "bayplan.db", isolation_level=None)
    rowid, whole = connection.execute(f"SELECT rowid, {column} FROM {table} LIMIT 1").fetchone()
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
        if table != "catalogue":
            connection.execute("UPDATE catalogue SET version = version + 1")
        refused(client.get(path) if "export" in path else client.post(path), server, "damaged")
        if name == "flag":  # the log has one sentence in some seconds
            eventually(lambda: "(images.cpu has values that bayplan did not write" in server.log)
        if table != "catalogue":
            assert client.post("/v1/nodes/list").status_code == 200
            assert create(client) == 201
    finally:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (whole, rowid))
        connection.execute("UPDATE catalogue SET version = version + 1")
        connection.close()
