"""The load generator: as many connections as are asked for, each with one request under way at a time.

A protocol on a bare transport, because a comfortable client costs more than the servers that are measured. It reads no
more of an answer than its status and its length. One process of it keeps one core busy; where a server answers faster than
that, several share the connections.
"""

import asyncio
import itertools
import json
import math
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import cast

import uvloop

Requests = Iterator[bytes]

WARM_UP_SECONDS = 0.3
PATIENCE_SECONDS = 60.0


@dataclass
class Measured:
    """Requests that were answered, the seconds that each took, and the seconds that all took."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the server, in all
    generator_share: float = 0.0  # of one core, by the busiest process of the load generator

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """The processor time that a request cost the server, in milliseconds."""
        return 1000 * self.cpu_seconds / len(self.latencies)

    def milliseconds(self, share: float) -> float:
        """The latency below which this share of the requests lies, in milliseconds: 0.5 for the median."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def add(self, other: "Measured") -> None:
        """Counts another round in."""
        self.latencies += other.latencies
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.generator_share = max(self.generator_share, other.generator_share)


class WrongAnswerError(Exception):
    """A server answered otherwise than the measurement needs."""


class Connection(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next, until the time is up or there is none."""

    def __init__(self, requests: Iterator[bytes], status: int, until: float) -> None:
        self.requests, self.status, self.until = requests, b"%d" % status, until
        self.latencies: list[float] = []
        self.head, self.missing, self.began = b"", -1, 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._send()

    def _send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self._finish()
            return
        self.missing, self.has_body = -1, not request.startswith(b"HEAD ")
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Counts the answer's bytes; at its end, notes how long it took."""
        if self.missing >= 0:
            self.missing -= len(data)
        else:
            data = self.head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.head = data
                return
            self.head = b""
            if data[9:12] != self.status:
                self._fail(WrongAnswerError(data[:1000].decode(errors="replace")))
                return
            head = data[: end + 2].lower()
            at = head.find(b"content-length: ")
            length = int(head[at + 16 : head.index(b"\r\n", at)]) if at > 0 and self.has_body else 0
            self.missing = length - (len(data) - end - 4)
        if self.missing == 0:
            now = time.perf_counter()
            self.latencies.append(now - self.began)
            if now < self.until:
                self._send()
            else:
                self._finish()

    def _finish(self) -> None:
        self.done.set_result(None)
        self.transport.close()

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Reports a connection that the server ended."""
        if not self.done.done():
            self.done.set_exception(exc or WrongAnswerError("The server closed the connection."))


async def _drive(port: int, connections: int, requests: Iterator[bytes], status: int, seconds: float) -> Measured:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    until = begin + seconds
    opened = [
        (await loop.create_connection(lambda: Connection(requests, status, until), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in opened)), seconds + PATIENCE_SECONDS)
    took = time.perf_counter() - begin
    return Measured([latency for connection in opened for latency in connection.latencies], took)


def drive(
    port: int, connections: int, requests: Requests, status: int, seconds: float, generators: int = 1
) -> Measured:
    """Asks the server at `port` for `seconds`; raises `WrongAnswerError` where an answer has another status.

    More than one generator are processes of their own, for requests that may be sent again: each begins at another one.
    """
    if min(generators, connections) == 1:
        return _drive_here(port, connections, requests, status, seconds)
    return _drive_in_processes(port, connections, requests, status, seconds, min(generators, connections))


def _drive_here(port: int, connections: int, requests: Requests, status: int, seconds: float) -> Measured:
    before = time.process_time()
    measured = uvloop.run(_drive(port, connections, requests, status, seconds))
    measured.generator_share = (time.process_time() - before) / measured.seconds
    return measured


def _drive_in_processes(
    port: int, connections: int, requests: Requests, status: int, seconds: float, generators: int
) -> Measured:
    fork = multiprocessing.get_context("fork")
    running = []
    for number in range(generators):
        ours, theirs = fork.Pipe(duplex=False)
        share = connections // generators + (number < connections % generators)
        process = fork.Process(target=_generate, args=(theirs, number, port, share, requests, status, seconds))
        process.start()
        theirs.close()
        running.append((process, ours))
    results = []
    for process, pipe in running:
        results.append(pipe.recv())
        process.join()
    total = Measured()
    for result in results:
        if isinstance(result, str):
            raise WrongAnswerError(result)
        total.add(result)
    total.seconds = max(result.seconds for result in results)
    return total


def _generate(
    pipe: Pipe, number: int, port: int, connections: int, requests: Requests, status: int, seconds: float
) -> None:
    try:
        own = itertools.islice(requests, number * connections, None)
        pipe.send(_drive_here(port, connections, own, status, seconds))
    except Exception as error:  # whatever it is, the parent raises it
        pipe.send(f"{type(error).__name__}: {error}")


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """The bytes of a request."""
    content_bytes = b"" if body is None else json.dumps(body).encode()
    fields = {"Host": "127.0.0.1"} | {name.replace("_", "-").title(): value for name, value in headers.items()}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(content_bytes))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + content_bytes


def by_turns(requests: Iterable[bytes]) -> Requests:
    """The requests again and again."""
    return itertools.cycle(list(requests))


async def _exhaust(by_port: Mapping[int, Iterable[bytes]], connections: int, status: int) -> float:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    opened = []
    for port, requests in by_port.items():
        waiting = iter(list(requests))
        for _ in range(connections):
            opening = loop.create_connection(lambda left=waiting: Connection(left, status, math.inf), "127.0.0.1", port)  # type: ignore[misc]  # bound now, not later
            opened.append((await opening)[1])
    await asyncio.gather(*(connection.done for connection in opened))
    return time.perf_counter() - begin


def exhaust(by_port: Mapping[int, Iterable[bytes]], connections: int, status: int) -> float:
    """The seconds until each port has answered all of its requests, over so many connections to each."""
    return uvloop.run(_exhaust(by_port, connections, status))
