"""The floor: what a bare server does with the same bytes, measured alternately with bayplan in one run."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from tests.process import Server, cpu_seconds

from benchmarks.load import WARM_UP_SECONDS, Measured, Requests, by_turns, drive, request
from benchmarks.rows import Outcome, Size

CONNECTIONS = 16
# A load generator must not be what limits. One process saturates one core; more than the cores would compete with the server.
GENERATORS = 1 if (os.cpu_count() or 1) < 4 else 2


@dataclass(frozen=True)
class Question:
    """Requests, of which each is sent in turn, and the status that they are answered with."""

    requests: Requests
    status: int = 200
    connections: int = CONNECTIONS
    body: object = None  # what the bare server is sent with each request
    generators: int = GENERATORS


@dataclass
class Beside:
    """What was measured of one question: bayplan, the bare server, and bayplan with one client alone."""

    ours: Measured = field(default_factory=Measured)
    bare: Measured = field(default_factory=Measured)
    alone: Measured = field(default_factory=Measured)

    @property
    def ratio(self) -> float:
        """Our rate as a share of the bare server's: by the clock or by processor time, whichever is less.

        A busy machine flatters whoever asks more of it; by the clock alone the ratio would be too good there.
        """
        by_clock = self.ours.rate / self.bare.rate
        return min(by_clock, self.bare.cpu_milliseconds / max(self.ours.cpu_milliseconds, 1e-9))

    @property
    def outcome(self) -> Outcome:
        """The ratio, with the rates and times that it is made of."""
        ours, bare = self.ours, self.bare
        measured = (
            f"{self.ratio:.1%} of bare: {ours.rate:,.0f}/s, {ours.cpu_milliseconds:.3f} ms of processor time; "
            f"alone p50 {self.alone.milliseconds(0.5):.2f} ms"
        )
        floor = f"{bare.rate:,.0f}/s, {bare.cpu_milliseconds:.3f} ms, load generator at {bare.generator_share:.0%}"
        return Outcome(self.ratio, measured, floor)


def ready_bytes(server: Server, question: Question) -> bytes:
    """The body that bayplan answers a question with."""
    head, _, body = next(question.requests).decode().partition("\r\n\r\n")
    method, path, _ = head.split("\r\n")[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    answer = httpx2.request(method, server.url + path, headers=headers, content=body, timeout=60)
    assert answer.status_code == question.status, answer.text
    return answer.content


@contextlib.contextmanager
def bare_server(body: bytes, status: int) -> Iterator[tuple[int, int]]:
    """A bare server that gives this answer at `/answer-STATUS`; its port and its process."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"answer-{status}").write_bytes(body)
        with bare_server_of(Path(folder)) as running:
            yield running


@contextlib.contextmanager
def bare_server_of(folder: Path) -> Iterator[tuple[int, int]]:
    """A bare server that answers with the files of a folder, whose names end in a status; its port and its process."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare", folder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()
            process.wait(10)


def timed(server: Server, question: Question, seconds: float, connections: int | None = None) -> Measured:
    """Asks bayplan for so many seconds, with the processor time that the server used."""
    return _timed(server.port, server.process.pid, question, question.requests, seconds, connections)


def _timed(
    port: int, pid: int, question: Question, requests: Requests, seconds: float, connections: int | None = None
) -> Measured:
    before = cpu_seconds(pid)
    clients = connections or question.connections
    measured = drive(port, clients, requests, question.status, seconds, question.generators)
    measured.cpu_seconds = cpu_seconds(pid) - before
    return measured


def beside(server: Server, question: Question, size: Size) -> Beside:
    """Asks bayplan and the bare server alternately."""
    result = Beside()
    method = "GET" if question.body is None else "POST"
    same = by_turns([request(method, f"/answer-{question.status}", question.body)])
    with bare_server(ready_bytes(server, question), question.status) as (bare_port, bare_pid):
        timed(server, question, min(WARM_UP_SECONDS, size.seconds))
        for _ in range(size.rounds):
            result.ours.add(timed(server, question, size.seconds))
            result.bare.add(_timed(bare_port, bare_pid, question, same, size.seconds))
            result.alone.add(timed(server, question, size.seconds / 2, connections=1))
    return result
