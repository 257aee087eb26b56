"""More connections than files, clients that take their time, more requests than can be answered: others are served meanwhile."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from benchmarks import flood

from tests.process import ADMIN_PASSWORD, PROGRAM, Server, running_server
from tests.raw import request

FILES = 256
DEADLINE_SECONDS = 1.0
PATIENCE_SECONDS = 15.0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives its clients a second, may open few files, and logs what it imports."""
    script = f'ulimit -Sn 128; ulimit -Hn {FILES}; export PYTHONPROFILEIMPORTTIME=1; exec "$0" "$@"'
    program = (sys.executable, "-P", Path(__file__).parent.with_name("impatient_server.py"))
    command: list[str | Path] = ["sh", "-c", script, *program, *[str(DEADLINE_SECONDS)] * 3]
    home = tmp_path_factory.mktemp("impatient") / "home"
    with running_server(home, command=command, registry_allow_private="127.0.0.0/8") as server:
        yield server


@contextlib.contextmanager
def connections(server: Server, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections, each with the beginning of a request."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)))
            if first:
                opened[-1].sendall(first)
        yield opened


def received(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_the_limit_of_files_is_raised_and_said_where_it_is_low(impatient: Server) -> None:
    limits = Path(f"/proc/{impatient.process.pid}/limits").read_text()
    assert f"{FILES} " in next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert f"may have {FILES} files open" in impatient.log


@pytest.mark.parametrize("first", [b"", b"GET /healthz HT"], ids=["silent", "half a request line"])
def test_more_half_open_connections_than_files_shut_nobody_out(impatient: Server, first: bytes) -> None:
    with connections(impatient, 2 * FILES, first), impatient.client() as client:
        for _ in range(5):
            assert httpx2.get(f"{impatient.url}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        # What needs a file of its own has it, and nothing is imported only now.
        answer = client.post("/v1/docker/inspect", json={"url": "127.0.0.1:1/no:1"})
        assert (answer.status_code, answer.json()["code"]) == (502, "registry_unreachable"), answer.text
    assert "Traceback" not in impatient.log


def test_nothing_is_imported_once_it_serves(impatient: Server) -> None:
    with impatient.client() as client:
        client.post("/v1/docker/inspect", json={"url": "127.0.0.1:1/no:1"})
        for path in ("/docs", "/openapi.json", "/v1/audit", "/v1/history", "/v1/catalogue/export"):
            assert client.get(path).status_code == 200
    output = impatient.err.read_text()
    _, _, late = output.partition("import time:")[2].rpartition("Application startup complete")
    assert "import time:" not in late, late


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nHost: bay", b"HTTP/1.1 408 "),
        (request("POST", "/v1/auth/obtain", content_length="50") + b"{", b"HTTP/1.1 408 "),
        (
            request("POST", "/v1/auth/obtain", content_length="", transfer_encoding="chunked") + b"1\r\n{",
            b"HTTP/1.1 408 ",
        ),
    ],
    ids=["silent", "half a head", "half a body", "half a chunked body"],
)
def test_what_does_not_come_in_time_ends_the_connection(impatient: Server, first: bytes, status: bytes) -> None:
    begun = time.monotonic()
    with connections(impatient, 1, first) as (connection,):
        answer = received(connection)
    assert DEADLINE_SECONDS <= time.monotonic() - begun < PATIENCE_SECONDS
    assert status in answer
    assert bool(status) == bool(answer)


def test_drops_do_not_prolong_the_time(impatient: Server) -> None:
    begun = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError), connections(impatient, 1) as (connection,):
        connection.sendall(request("GET", "/healthz"))
        assert connection.recv(65536)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        while time.monotonic() - begun < PATIENCE_SECONDS:
            connection.sendall(b"x")
            time.sleep(0.1)
    assert time.monotonic() - begun < PATIENCE_SECONDS / 2


def test_who_does_not_read_the_answers_is_let_go(impatient: Server) -> None:
    files = Path(f"/proc/{impatient.process.pid}/fd")
    before = len(list(files.iterdir()))
    with connections(impatient, 20) as opened:
        for connection in opened:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(0.1)
            with contextlib.suppress(OSError):
                connection.sendall(40 * request("GET", "/openapi.json"))
        begun = time.monotonic()
        while len(list(files.iterdir())) > before + 5:
            assert time.monotonic() - begun < PATIENCE_SECONDS
            time.sleep(0.05)
    assert "Traceback" not in impatient.log


def test_more_requests_than_can_be_answered_are_503_and_reads_go_on(tmp_path: Path) -> None:
    """The short form of `make flood`."""
    with running_server(tmp_path / "home", command=(PROGRAM, "serve", "--port", "0")) as server:
        log_in = flood.log_in_request("admin", ADMIN_PASSWORD, flood.OWN_ADDRESS)
        read = request("GET", "/v1/domains/1", authorization=f"Bearer {server.token()}")
        requests = flood.floods(server)["matches"]()
        result = asyncio.run(flood.flooded(server.port, requests, 600, 3.0, log_in, read))
        assert "Traceback" not in server.log
    assert 200 in result.statuses
    assert set(result.statuses) <= {200, 503}
    assert result.retry_after[503] == result.statuses[503]
    assert min(result.read_seconds) > 0, "a read of one object was refused"
