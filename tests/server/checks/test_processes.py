"""The scheduler of checks in real server processes: many on one database, killed in the middle, and with their database away."""

import asyncio
import collections
import datetime
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests import catalogue
from tests.inprocess import Loop
from tests.postgres import Postgres
from tests.process import QUICK_SERVE, Server, running_server
from tests.registry.misbehaving import Asked, Store
from tests.server.checks.conftest import eventually
from tests.server.inspections.conftest import spoiled

WIDTH = 7
"""Checks at one registry at a time that a process makes: one connection less than it may have."""


class Counting:
    """A registry that takes its time, and counts what it is asked and how much of it at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: collections.Counter[str] = collections.Counter()
        self.at_once = 0
        self.most_at_once = 0
        self._store = Store()
        self._store.image("1")

    async def answer(self, asked: Asked) -> None:
        """Answers as if every repository had the same image."""
        if asked.method == "HEAD":
            self.asked[asked.target] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
            media_type, body = self._store.documents["/v2/ml/x/manifests/1"]
            await asked.answer(200, body, Content_Type=media_type)
        finally:
            self.at_once -= 1


def fill(client: httpx2.Client, host: str, images: int) -> None:
    """Adds images in that registry."""
    body = {
        "images": [
            catalogue.image(name=f"image-{number}", version="1", url=f"{host}/ml/{number}:1", registry=host)
            for number in range(images)
        ]
    }
    client.post("/v1/catalogue/apply", json=body).raise_for_status()


def waiting(client: httpx2.Client) -> int:
    """How many images still wait that somebody asked for."""
    number: int = client.get("/v1/docker/checks").json()["waiting"]
    return number


def settings(url: str, **more: str) -> dict[str, str]:
    """Of a server over that database that may ask this machine."""
    return {"database": url, "registry_allow_private": "127.0.0.0/8", **more}


def execute(url: str, statement: str, *parameters: Any) -> list[Any]:
    """Runs a statement in the database itself; gives its rows."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10) as database:
            return database.execute(statement, parameters).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        done = connection.execute(statement.replace("?", "%s").encode(), parameters)
        return done.fetchall() if done.description else []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder, whose keys all processes of a test share."""
    return tmp_path / "home"


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_two_processes_share_the_work_and_do_none_of_it_twice(database_url: str, home: Path, loop: Loop) -> None:
    registry = Counting(0.05)
    with (
        spoiled(loop, registry.answer) as at,
        running_server(home, command=QUICK_SERVE, **settings(database_url)) as first,
    ):
        first.stock()
        with first.client() as client, running_server(home, command=QUICK_SERVE, **settings(database_url)):
            fill(client, at.host, 300)
            client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
            eventually(lambda: waiting(client) == 0, 60)
            assert client.get("/v1/docker/checks").json()["states"]["ok"] == 300
    assert len(registry.asked) == 300
    assert set(registry.asked.values()) == {1}
    assert WIDTH < registry.most_at_once <= 2 * WIDTH


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_process_that_is_stopped_gives_back_what_it_claimed(database_url: str, home: Path, loop: Loop) -> None:
    registry = Counting(30)
    with (
        spoiled(loop, registry.answer) as at,
        running_server(home, command=QUICK_SERVE, **settings(database_url)) as first,
    ):
        first.stock()
        with first.client() as client, running_server(home, command=QUICK_SERVE, **settings(database_url)) as second:
            fill(client, at.host, 10)
            client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
            eventually(lambda: registry.at_once >= WIDTH)
            for server in (first, second):
                server.process.terminate()
                server.process.wait(30)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    due = execute(database_url, "SELECT count(*) FROM checks WHERE asked IS NOT NULL AND due <= ?", now)
    assert due == [(10,)]


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_locked_table_does_not_delay_the_stop(database_url: str, home: Path, loop: Loop) -> None:
    registry = Counting(30)
    with (
        spoiled(loop, registry.answer) as at,
        running_server(home, command=QUICK_SERVE, **settings(database_url)) as server,
    ):
        server.stock()
        with server.client() as client:
            fill(client, at.host, 10)
            client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
            eventually(lambda: registry.at_once >= WIDTH)
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE checks IN ACCESS EXCLUSIVE MODE")
            server.process.terminate()
            server.process.wait(80)
        assert "Traceback" not in server.log


def test_killed_in_the_middle_nothing_is_lost(database_url: str, home: Path, loop: Loop) -> None:
    registry = Counting(30)
    with spoiled(loop, registry.answer) as at:
        with running_server(home, command=QUICK_SERVE, **settings(database_url)) as server:
            server.stock()
            with server.client() as client:
                fill(client, at.host, 100)
                client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
            eventually(lambda: registry.at_once >= WIDTH)
            server.kill()
        registry.seconds = 0
        with running_server(home, command=QUICK_SERVE, **settings(database_url)) as server, server.client() as client:
            _nothing_is_lost(database_url, client)
            assert client.get("/v1/docker/checks").json()["states"]["ok"] == 100


def _nothing_is_lost(url: str, client: httpx2.Client) -> None:
    if url.startswith("postgresql"):  # another process may be checking: what was claimed comes when its lease is over
        eventually(lambda: waiting(client) <= 5 * WIDTH)
        assert waiting(client) == 5 * WIDTH
        ((due,),) = execute(url, "SELECT max(due) FROM checks WHERE asked IS NOT NULL")
        remaining = datetime.datetime.fromisoformat(due) - datetime.datetime.now(datetime.UTC)
        assert datetime.timedelta(minutes=10) < remaining < datetime.timedelta(minutes=15)
        execute(url, "UPDATE checks SET due = checked WHERE checked IS NOT NULL")
        execute(url, "UPDATE checks SET due = asked WHERE asked IS NOT NULL")
    eventually(lambda: waiting(client) == 0)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_database_that_is_away_is_waited_for(database_url: str, postgres: Postgres, home: Path, loop: Loop) -> None:
    registry = Counting(0.3)
    name = database_url.rpartition("/")[2]
    with (
        spoiled(loop, registry.answer) as at,
        running_server(home, command=QUICK_SERVE, **settings(database_url)) as server,
    ):
        server.stock()
        with server.client() as client:
            fill(client, at.host, 60)
            client.post("/v1/docker/checks", json={"which": "all"}).raise_for_status()
            eventually(lambda: registry.at_once >= WIDTH)
            others = postgres.url("postgres")
            execute(others, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            execute(others, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?", name)
            eventually(lambda: client.get("/readyz").status_code == 503)
            time.sleep(0.5)  # in which it polls some ten times
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            execute(others, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            # What was claimed when the database went waits for its lease; everything else is done at once.
            eventually(lambda: client.get("/readyz").status_code == 200)
            execute(database_url, "UPDATE checks SET due = asked WHERE asked IS NOT NULL")
            eventually(lambda: waiting(client) == 0, 30)
            assert client.get("/v1/docker/checks").json()["states"]["ok"] == 60
        assert "Traceback" not in server.log
        assert server.process.poll() is None


def test_the_schedule_is_kept_by_a_real_server(home: Path, tmp_path: Path, loop: Loop) -> None:
    registry = Counting(0)
    url = f"sqlite:///{tmp_path / 'bayplan.db'}"
    with (
        spoiled(loop, registry.answer) as at,
        running_server(home, command=QUICK_SERVE, **settings(url, verify_interval="1s")) as server,
    ):
        server.stock()
        with server.client() as client:
            fill(client, at.host, 20)
            eventually(lambda: len(registry.asked) == 20)
            eventually(lambda: min(registry.asked.values()) >= 2)
            assert client.get("/v1/docker/checks").json()["states"]["ok"] == 20
        _stops_at_once(server)


def _stops_at_once(server: Server) -> None:
    server.process.terminate()
    server.process.wait(15)
    assert "Traceback" not in server.log


@pytest.mark.parametrize("value", ["soon", "-1", "1.5h", ""])
def test_an_interval_that_is_none_ends_the_start(home: Path, value: str) -> None:
    with (
        pytest.raises(RuntimeError, match=r"BAYPLAN_VERIFY_INTERVAL must be a duration .*, not '"),
        running_server(home, verify_interval=value),
    ):
        pass
