"""What rows are measured at: a running server, started anew over a catalogue that was applied in batches."""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx2
from tests.postgres import running_postgres
from tests.process import Server

from benchmarks import content
from benchmarks.rows import Size
from benchmarks.servers import running_server

NODES = 1_000
SETTINGS = {"log_level": "warning", "access_token_minutes": "1440"}
PATIENCE_SECONDS = 900


@dataclass
class Place:
    """A server and its catalogue."""

    server: Server
    client: httpx2.Client
    size: Size
    images: int
    batch_seconds: list[float] = field(default_factory=list)

    @property
    def authorization(self) -> str:
        """The header of the administrator."""
        return f"Bearer {self.server.token()}"

    @cached_property
    def node_pks(self) -> list[int]:
        """A thousand nodes, which are made when a row asks for them."""
        return content.nodes(self.client, NODES)

    @cached_property
    def pks(self) -> list[int]:
        """The pks of the first thousand images."""
        return [item["pk"] for item in self.client.post("/v1/docker/list?limit=1000").json()]

    @contextlib.contextmanager
    def connection(self) -> Iterator["Connection"]:
        """One connection of a client alone, for what is timed one by one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            yield Connection(connection, self.authorization)


@dataclass(frozen=True)
class Connection:
    """A kept connection over the standard library's client, which costs little."""

    connection: http.client.HTTPConnection
    authorization: str

    def seconds(self, method: str, path: str, body: object = None) -> float:
        """The seconds until the whole answer was read; raises RuntimeError where it is an error."""
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        begin = time.perf_counter()
        self.connection.request(method, path, sent, headers if sent else {"Authorization": self.authorization})
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - begin
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
        return seconds


@contextlib.contextmanager
def on_sqlite(size: Size, folder: Path) -> Iterator[Place]:
    """A server over SQLite."""
    with _filled(folder / "sqlite", size, size.images, {}) as place:
        yield place


@contextlib.contextmanager
def on_sqlite_large(size: Size, folder: Path) -> Iterator[Place]:
    """A server over SQLite, with the large catalogue."""
    with _filled(folder / "large", size, size.large_images, {}) as place:
        yield place


@contextlib.contextmanager
def on_postgresql(size: Size, folder: Path) -> Iterator[Place]:
    """A server over PostgreSQL, on the same machine."""
    with (
        running_postgres() as cluster,
        _filled(folder / "postgresql", size, size.images, {"database": cluster.create("bench")}) as place,
    ):
        yield place


@contextlib.contextmanager
def _filled(home: Path, size: Size, images: int, settings: dict[str, str]) -> Iterator[Place]:
    with running_server(home, **SETTINGS, **settings) as server, server.client() as client:
        batch_seconds = content.fill(client, images, to_find=20)
    # Started anew: what filling has left in memory is no part of what is measured.
    with running_server(home, **SETTINGS, **settings) as server, server.client() as client:
        client.timeout = httpx2.Timeout(PATIENCE_SECONDS)
        yield Place(server, client, size, images, batch_seconds)


def resident_megabytes(server: Server) -> float:
    """The most memory that the server process has held, in megabytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024
