"""`bayplan serve --processes 2`: several processes over one socket answer as one, and outlive one another."""

import contextlib
import functools
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests import catalogue
from tests.postgres import Postgres
from tests.process import Server, running_server

PROCESSES = 2
WORKER = {"driver_version": "550.54.15", "compute_capability": "8.6", "architecture": "amd64"}
GRADES = ["native", "minor", "forward", "jit", "unknown"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bayplan.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.create(f"supervisor_{time.monotonic_ns()}")


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[Server]:
    """Two processes that show each request in their log."""
    with running_server(
        tmp_path / "home", "--processes", str(PROCESSES), database=database, log_level="debug"
    ) as server:
        eventually(lambda: server.log.count("Application startup complete") == PROCESSES)
        yield server


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Waits until the condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def process_pids(server: Server) -> list[int]:
    """The processes that serve, as the system knows them."""
    pid = server.process.pid
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    """Whether the process lives; one that has ended and waits for its parent does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextlib.contextmanager
def one_client_of_each(server: Server) -> Iterator[list[httpx2.Client]]:
    """A client for each process: the log says which of them has its connection."""
    clients: dict[str, httpx2.Client] = {}
    with contextlib.ExitStack() as closing:
        for number in range(500):
            client = closing.enter_context(server.client())
            path = f"/v1/which/{number}"
            client.get(path)
            eventually(functools.partial(served_by, server, path))
            clients.setdefault(served_by(server, path), client)
            if len(clients) == PROCESSES:
                yield list(clients.values())
                return
    raise AssertionError(f"One process answered 500 connections: {list(clients)}")


def served_by(server: Server, path: str) -> str:
    """The number of the process that answered the request for that path; nothing until the log says so."""
    entry = re.search(rf"process (\d): GET {path} ", server.log)
    return entry.group(1) if entry else ""


def test_what_one_process_wrote_the_other_reads(server: Server) -> None:
    server.stock()
    with one_client_of_each(server) as (writer, reader):
        made = writer.post("/v1/docker/create", json=catalogue.image()).json()
        path = f"/v1/docker/{made['pk']}"
        for number in range(100):
            version = f"v{number}"
            writer.patch(path, json={"version": version}).raise_for_status()
            assert reader.get(path).json()["version"] == version
            listed = reader.post("/v1/docker/list").json()
            assert [image["version"] for image in listed] == [version]
            matched = reader.post("/v1/docker/match", json={"worker": WORKER, "grades": GRADES}).json()
            assert [match["image"]["version"] for match in matched["matches"]] == [version]
            writer, reader = reader, writer


def test_a_user_deactivated_at_one_process_is_out_at_the_other(server: Server) -> None:
    with one_client_of_each(server) as (writer, reader):
        body = {"username": "kim", "password": "a long password of kim"}
        pk = writer.post("/v1/users/create", json=body).json()["pk"]
        reader.headers["Authorization"] = f"Bearer {server.token('kim', body['password'])}"
        for _ in range(3):
            assert reader.get(f"/v1/users/{pk}").status_code == 200
        writer.delete(f"/v1/users/{pk}").raise_for_status()
        assert reader.get(f"/v1/users/{pk}").status_code == 401


def test_a_process_that_is_killed_is_started_again(server: Server) -> None:
    before = process_pids(server)
    assert len(before) == PROCESSES
    os.kill(before[0], signal.SIGKILL)
    for _ in range(20):
        assert httpx2.get(f"{server.url}/readyz", timeout=10).status_code == 200
    eventually(lambda: len(process_pids(server)) == PROCESSES)
    assert before[0] not in process_pids(server)
    assert before[1] in process_pids(server)
    eventually(lambda: server.log.count("Application startup complete") == PROCESSES + 1)
    assert re.search(r"WARNING Process \d was ended by SIGKILL; the server starts it again in \d\.\d s", server.log)
    with one_client_of_each(server) as clients:
        assert len(clients) == PROCESSES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them(tmp_path: Path, number: signal.Signals) -> None:
    with running_server(tmp_path / "home", "--processes", "3") as server:
        pids = process_pids(server)
        assert len(pids) == 3
        server.process.send_signal(number)
        assert server.process.wait(10) == 0
        assert [pid for pid in pids if is_there(pid)] == []
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{server.url}/readyz")
        assert "Traceback" not in server.log
        assert "starts it again" not in server.log


def test_processes_end_with_their_supervisor(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", "--processes", "2") as server:
        pids = process_pids(server)
        server.kill()
        eventually(lambda: not any(is_there(pid) for pid in pids))


def test_the_first_start_is_made_once(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", "--processes", "4", admin_password="") as server:
        eventually(lambda: server.log.count("Application startup complete") == 4)
        assert server.log.count("The first user is 'admin', the password: ") == 1
        assert server.log.count("serves http://") == 1
        password = re.search(r"the password: (\S+)", server.log)
        assert password is not None
        assert server.token(password=password.group(1))
        assert "ERROR" not in server.log


def test_a_start_that_fails_is_reported_once(tmp_path: Path) -> None:
    """See tests/robustness/test_cannot_start.py for one process."""
    home = tmp_path / "home"
    with running_server(home):
        pass
    (home / "secrets.key").write_text("nonsense")
    with pytest.raises(RuntimeError) as failed, running_server(home, "--processes", "2"):
        pass
    assert str(failed.value).count("secrets.key") == 1
    assert "Traceback" not in str(failed.value)
