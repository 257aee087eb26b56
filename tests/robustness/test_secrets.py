"""Passwords of registries and of users in clear nowhere: not in the database, the log, an error or a file of the home folder."""

import signal
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import psycopg
import pytest

from bayplan.config import Settings
from tests import catalogue
from tests.process import ADMIN_PASSWORD, PROGRAM, Server, environment

Start = Callable[..., AbstractContextManager[Server]]
SECRET = "sEcReT-rEgIsTrY-pAsSwOrD"
SECOND = "aNoThEr-rEgIsTrY-pAsSwOrD"
LOGIN = {"registry_username": "robot", "registry_password": SECRET}


def stored_bytes(kind: str, home: Path, database_url: str) -> bytes:
    """All that is stored: every file of the home folder, and every row of PostgreSQL."""
    stored = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    if kind == "postgresql":
        with psycopg.connect(database_url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()
                stored += "\n".join(row[0] for row in rows).encode()
    assert b"robot" in stored, "the image itself must have been found"
    return stored


@pytest.fixture
def settings(kind: str, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a server that says all it can in its log."""
    chosen = {"home": str(tmp_path / "home"), "log_level": "debug"}
    return chosen | ({"database": database_url} if kind == "postgresql" else {})


def use(client: httpx2.Client) -> str:
    """Writes credentials in every way, rightly and wrongly; gives an image's path."""
    client.post("/v1/frameworks/create", json={"name": "PyTorch", "version": "2.4"}).raise_for_status()
    made = client.post("/v1/docker/create", json=catalogue.image(**LOGIN))
    assert made.json()["registry_password"] == SECRET
    path = f"/v1/docker/{made.json()['pk']}"
    wrong = [
        client.post("/v1/docker/create", json=made.json() | {"registry_password": SECRET}),
        client.post("/v1/docker/create", json=catalogue.image(**LOGIN, colour=SECRET)),
        client.post("/v1/docker/create", json=catalogue.image(registry_password=SECRET)),
        client.patch(path, json={"registry_password": [SECRET]}),
        client.post("/v1/docker/create", json=catalogue.image(**LOGIN, name=made.json()["name"])),
        client.post("/v1/docker/create", content=f'{{"registry_password": "{SECRET}"'),
        client.put(path, json=catalogue.image(**LOGIN), headers={"If-Match": '"stale"'}),
        client.post("/v1/auth/obtain", json={"username": SECRET, "password": SECRET}),
    ]
    for answer in wrong:
        assert 400 <= answer.status_code < 500
        assert SECRET not in answer.text
    assert client.put(path, json=catalogue.image(**LOGIN)).status_code == 200
    hand_out(client, path)
    return path


def hand_out(client: httpx2.Client, path: str) -> None:
    """Gives the credentials out and stores them again, in every way but the image's own; no answer about it has the password."""
    for query in ("", "?format=kubernetes"):
        client.get(f"{path}/docker-config{query}").raise_for_status()
    rotation = {"registry": "registry.example.com", "registry_username": "robot", "registry_password": SECRET}
    answers = [
        client.post("/v1/credentials/rotate", json=rotation | {"registry": "127.0.0.1:9"}),
        client.post("/v1/credentials/rotate", json=rotation | {"new_username": [SECRET]}),
        client.post("/v1/credentials/rotate", json=rotation | {"colour": SECRET}),
        client.post("/v1/credentials/rotate", json=rotation | {"check": False}),
        client.get("/v1/credentials"),
        client.get("/v1/audit"),
    ]
    assert [answer.status_code for answer in answers] == [404, 422, 422, 200, 200, 200]
    assert [answer.text for answer in answers if SECRET in answer.text] == []


def test_a_registry_password_is_nowhere_in_clear(
    kind: str, start_server: Start, settings: dict[str, str], database_url: str
) -> None:
    with start_server(**settings) as server:
        with server.client() as client:
            path = use(client)
            client.get("/v1/catalogue/export")
            plan = client.post(
                "/v1/catalogue/apply?dry_run=true",
                json={"images": [catalogue.image(name="applied", **LOGIN)], "frameworks": []},
            )
            assert SECRET not in plan.text
        token = server.token()
        log = server.log
        home = server.home
    stored = stored_bytes(kind, home, database_url)
    for secret in (SECRET, ADMIN_PASSWORD, token):
        assert secret not in log + server.log
        assert secret.encode() not in stored
    with start_server(**settings) as server, server.client() as client:
        assert client.get(path).json()["registry_password"] == SECRET


def test_equal_passwords_do_not_look_equal_where_they_are_stored(
    kind: str, start_server: Start, settings: dict[str, str], database_url: str
) -> None:
    if kind == "sqlite":
        pytest.skip("the same code; PostgreSQL is easier to look into")
    with start_server(**settings) as server, server.client() as client:
        use(client)
        client.post("/v1/docker/create", json=catalogue.image(**LOGIN))
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT registry_password FROM images").fetchall()
    assert len(set(stored)) == len(stored) == 2


def test_keys_and_the_database_are_for_their_owner_only(start_server: Start, tmp_path: Path) -> None:
    with start_server(home=str(tmp_path / "home")) as server:
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in server.home.iterdir()}
    assert {"secrets.key", "signing.key", "bayplan.db"} <= set(modes)
    assert all(mode & 0o077 == 0 for mode in modes.values()), modes


def test_rotating_the_key_leaves_nothing_that_the_old_one_opens(
    kind: str, start_server: Start, settings: dict[str, str], database_url: str
) -> None:
    with start_server(**settings) as server, server.client() as client:
        path = use(client)
    key = server.home / "secrets.key"
    old_key, before = key.read_bytes(), stored_bytes(kind, server.home, database_url)
    rotated = subprocess.run(
        [PROGRAM, "secrets", "rotate"], env=environment(settings), capture_output=True, text=True, timeout=60
    )
    assert rotated.returncode == 0, rotated.stderr
    assert SECRET not in rotated.stdout + rotated.stderr
    assert key.read_bytes() != old_key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stored_bytes(kind, server.home, database_url) != before
    with start_server(**settings) as server, server.client() as client:
        assert client.get(path).json()["registry_password"] == SECRET
        assert client.patch(path, json={"registry_password": SECOND}).json()["registry_password"] == SECOND


@pytest.mark.parametrize("variables", [{}, {"admin_password": ""}], ids=["not given", "empty"])
def test_the_admins_password_is_printed_once_and_only_where_it_was_not_given(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    outputs = []
    for turn in range(2):
        out = tmp_path / f"out-{turn}"
        with out.open("wb") as sink:
            process = subprocess.Popen(
                [PROGRAM, "serve", "--port", "0"],
                stdout=sink,
                stderr=sink,
                env=environment({"home": str(tmp_path / "home"), **variables}),
            )
        deadline = time.monotonic() + 20
        while "serves http" not in out.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        outputs.append(out.read_text().replace(str(tmp_path), ""))
    assert "password" in outputs[0].lower()
    assert "password" not in outputs[1].lower()


def test_settings_written_as_text_hold_no_secret() -> None:
    names = ("admin_password", "secrets_key", "signing_key", "token", "password")
    values = dict.fromkeys(names, SECRET) | {"database": f"postgresql://u:{SECRET}@h/x"}
    assert SECRET not in repr(Settings.model_validate(values))
