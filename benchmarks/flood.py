"""Floods: how long a log-in and a read take while others guess passwords, and what a server does with more than it can answer.

`make flood` prints a table. Whoever floods keeps each connection busy: the next request goes out when the last is answered.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.process import ADMIN_PASSWORD, Server

from benchmarks.load import request
from benchmarks.page import table
from benchmarks.servers import running_server

HEAD = (
    "flood",
    "connections",
    "answers a second",
    "statuses",
    "longest wait",
    "log-in",
    "read",
    "memory before",
    "at its end",
    "10 s later",
)
OWN_ADDRESS = "192.0.2.1"
_numbers = itertools.count()


@dataclass
class Flood:
    """What came of a flood: its answers by status, the longest wait of each status, and what others had to wait meanwhile."""

    statuses: Counter[int] = field(default_factory=Counter)
    longest: dict[int, float] = field(default_factory=dict)
    log_in_seconds: list[float] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)
    retry_after: Counter[int] = field(default_factory=Counter)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> tuple[int, bool]:
    """Sends a request; gives the status of its answer, and whether it says when to try again."""
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.find(b"content-length: ")
    if at > 0:
        await reader.readexactly(int(lower[at + 16 : lower.index(b"\r\n", at)]))
    return int(head[9:12]), b"\r\nretry-after: " in lower


async def _keep_asking(port: int, requests: Iterator[bytes], flood: Flood, until: float) -> None:
    writer = None
    while time.perf_counter() < until:
        with suppress(OSError, asyncio.IncompleteReadError):
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            begun = time.perf_counter()
            status, says_when = await ask(reader, writer, next(requests))
            took = time.perf_counter() - begun
            flood.statuses[status] += 1
            flood.retry_after[status] += says_when
            flood.longest[status] = max(flood.longest.get(status, 0.0), took)
            continue
        if writer is not None:
            writer.close()
        writer = None
        flood.statuses[0] += 1
        await asyncio.sleep(0.05)
    if writer is not None:
        writer.close()


async def timed(port: int, content: bytes) -> tuple[float, int]:
    """How long a request takes over a new connection, and the status of its answer."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    status, _ = await ask(reader, writer, content)
    writer.close()
    return time.perf_counter() - begun, status


async def flooded(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, log_in: bytes, read: bytes
) -> Flood:
    """Floods for so many seconds; meanwhile logs in and reads now and then."""
    flood = Flood()
    until = time.perf_counter() + seconds
    tasks = [asyncio.create_task(_keep_asking(port, requests, flood, until)) for _ in range(connections)]
    await asyncio.sleep(min(1.0, seconds / 4))
    while time.perf_counter() < until - 0.5:
        for content, results, expected in ((log_in, flood.log_in_seconds, 200), (read, flood.read_seconds, 200)):
            took, status = await timed(port, content)
            results.append(took if status == expected else -float(status))
            await asyncio.sleep(0.1)
    await asyncio.wait(tasks, timeout=30.0)
    for task in tasks:
        task.cancel()
    return flood


def log_in_request(username: str, password: str, address: str) -> bytes:
    """A log-in that a trusted proxy passes on from an address."""
    return request("POST", "/v1/auth/obtain", {"username": username, "password": password}, x_forwarded_for=address)


def guesses(address: Callable[[int], str]) -> Iterator[bytes]:
    """Guesses at passwords, each of another name."""
    for number in _numbers:
        yield log_in_request(f"name-{number}", "a guess", address(number))


def memory_mib(server: Server) -> float:
    """The memory that the server's process holds."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def stocked(folder: Path, images: int) -> Iterator[Server]:
    """A server with so many images."""
    with running_server(folder / "home", log_level="warning") as server:
        server.stock()
        with server.client() as client:
            client.timeout = 300
            for first in range(0, images, 500):
                entries = [
                    {
                        "name": f"image-{number}",
                        "version": "1",
                        "url": f"example/image:{number}",
                        "registry": "docker.io",
                        "framework": "PyTorch 2.4",
                        "domain": "od",
                        "tasks": ["train"],
                        "licence": "MIT",
                        "cpu": True,
                        "cuda_version": None,
                        "min_hardware_generation": None,
                    }
                    for number in range(first, min(first + 500, images))
                ]
                client.post("/v1/catalogue/apply", json={"images": entries}).raise_for_status()
        yield server


def floods(server: Server) -> dict[str, Callable[[], Iterator[bytes]]]:
    """The floods by name."""
    bearer = f"Bearer {server.token()}"
    search = {"expressions": [{"type": "contains", "field": "name", "sub_string": "9"}]}

    def creations() -> Iterator[bytes]:
        for number in _numbers:
            body = {"name": "flood", "version": str(number)}
            yield request("POST", "/v1/frameworks/create", body, authorization=bearer)

    def searches() -> Iterator[bytes]:
        for number in _numbers:
            limit = 1 + number % 5_000  # so that no answer is kept
            yield request("POST", f"/v1/docker/list?limit=500&offset={limit}", search, authorization=bearer)

    def matches() -> Iterator[bytes]:
        for number in _numbers:
            worker = {"driver_version": f"550.{number % 1000}", "compute_capability": "8.6", "cpu_mem": number}
            yield request("POST", "/v1/docker/match", {"worker": worker}, authorization=bearer)

    def loads() -> Iterator[bytes]:
        yield from itertools.repeat(request("GET", "/v1/docker/1", authorization=bearer))

    return {
        "guesses from one address": lambda: guesses(lambda _number: "198.51.100.7"),
        "guesses from many addresses": lambda: guesses(lambda number: f"2001:db8:{number % 65536:x}::{number:x}"),
        "creations": creations,
        "searches": searches,
        "matches": matches,
        "loads": loads,
    }


def row(server: Server, name: str, connections: int, seconds: float) -> tuple[str, ...]:
    """Floods the server, and gives the cells of the table."""
    log_in = log_in_request("admin", ADMIN_PASSWORD, OWN_ADDRESS)
    read = request("GET", "/v1/docker/1", authorization=f"Bearer {server.token()}")
    asyncio.run(timed(server.port, log_in))  # from now on the address is known
    before = memory_mib(server)
    begun = time.perf_counter()
    flood = asyncio.run(flooded(server.port, floods(server)[name](), connections, seconds, log_in, read))
    took = time.perf_counter() - begun
    after = memory_mib(server)
    time.sleep(10)
    longest = ", ".join(f"{status}: {wait:.2f} s" for status, wait in sorted(flood.longest.items()))
    statuses = ", ".join(f"{count:,} of {status}" for status, count in sorted(flood.statuses.items()))
    return (
        name,
        f"{connections:,}",
        f"{sum(flood.statuses.values()) / took:,.0f}",
        statuses,
        longest,
        _longest(flood.log_in_seconds),
        _longest(flood.read_seconds),
        f"{before:.0f} MiB",
        f"{after:.0f} MiB",
        f"{memory_mib(server):.0f} MiB",
    )


def _longest(seconds: list[float]) -> str:
    refused = [int(-took) for took in seconds if took < 0]
    answered = [took for took in seconds if took >= 0]
    text = f"at most {max(answered):.2f} s" if answered else "never answered"
    return text + (f", refused {json.dumps(dict(Counter(refused)))}" if refused else "")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bayplan-flood-") as folder:
        for name in (
            "guesses from one address",
            "guesses from many addresses",
            "creations",
            "searches",
            "matches",
            "loads",
        ):
            if arguments.only in name:
                with stocked(Path(folder) / name.replace(" ", "-"), arguments.images) as server:
                    rows.append(row(server, name, arguments.connections, arguments.seconds))
    print(table(HEAD, rows, numbers=()))


if __name__ == "__main__":
    main()
