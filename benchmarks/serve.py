"""What is measured: each question to bayplan, and the same bytes from a bare server, turn by turn in one run.

The rates are those of sixteen connections (or of as many clients as the row says), the latencies those of a single one,
so that they tell how long an answer takes and not how long the queue was.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.process import Server, cpu_seconds, running_server

from benchmarks import content
from benchmarks.load import WARM_UP_SECONDS, Measured, drive

CONNECTIONS = 16
MORE_THAN_ANY_PK = 10**9


@dataclass(frozen=True)
class Size:
    """How much is measured, and for how long."""

    images: int = 10_000
    few_images: int = 1_000
    rounds: int = 3
    seconds: float = 1.0


FULL = Size()
QUICK = Size(images=800, few_images=100, rounds=1, seconds=0.15)


@dataclass(frozen=True)
class Question:
    """One row of the table: requests (of which each is sent in turn) and what has to come of them."""

    name: str
    requests: Iterator[bytes]
    status: int = 200
    clients: int = CONNECTIONS
    writes: bool = False
    least_ratio: float | None = None
    most_milliseconds: float | None = None


@dataclass
class Row:
    """A question's measurements."""

    question: Question
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
    def target(self) -> str:
        """What is to be reached, in words."""
        if self.question.least_ratio is not None:
            return f"at least {self.question.least_ratio:.1%} of bare"
        if self.question.most_milliseconds is not None:
            return f"p50 at most {self.question.most_milliseconds:g} ms"
        return ""

    @property
    def is_met(self) -> bool | None:
        """Whether it is reached; None where nothing was to be."""
        if self.question.least_ratio is not None:
            return self.ratio >= self.question.least_ratio
        if self.question.most_milliseconds is not None:
            return self.alone.milliseconds(0.5) <= self.question.most_milliseconds
        return None


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """The bytes of a request."""
    content_bytes = b"" if body is None else json.dumps(body).encode()
    fields = {"Host": "127.0.0.1"} | {name.replace("_", "-").title(): value for name, value in headers.items()}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(content_bytes))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + content_bytes


def by_turns(requests: Iterable[bytes]) -> Iterator[bytes]:
    """The requests again and again."""
    return itertools.cycle(list(requests))


def questions_of_many(client: httpx.Client, authorization: str) -> list[Question]:
    """The questions to the large catalogue."""
    pks = [item["pk"] for item in client.post("/v1/docker/list?limit=1000").json()]
    tags = {pk: client.get(f"/v1/docker/{pk}").headers["etag"] for pk in pks[:200]}
    name, version = content.RARE.split()
    by_framework = [
        {"type": "exact", "field": "framework.name", "value": name},
        {"type": "exact", "field": "framework.version", "value": version},
    ]
    by_task = [{"type": "exact", "field": "tasks", "value": "export"}]
    number = itertools.count(MORE_THAN_ANY_PK)

    def creations() -> Iterator[bytes]:
        for each in number:
            yield request("POST", "/v1/docker/create", content.image(each), authorization=authorization)

    def lists(expressions: object) -> Iterator[bytes]:
        body = {"expressions": expressions}
        return by_turns([request("POST", "/v1/docker/list", body, authorization=authorization)])

    loads = by_turns(request("GET", f"/v1/docker/{pk}", authorization=authorization) for pk in pks)
    known = by_turns(
        request("GET", f"/v1/docker/{pk}", authorization=authorization, if_none_match=tag) for pk, tag in tags.items()
    )
    matches = by_turns(
        request("POST", "/v1/docker/match", {"worker": worker, "limit": 10}, authorization=authorization)
        for worker in content.workers()
    )
    heartbeats = by_turns(
        request("GET", "/v1/nodes/ping", authorization=authorization, node_id=str(pk))
        for pk in content.nodes(client, 1000)
    )
    return [
        Question("load by pk", loads, least_ratio=0.06),
        Question("conditional load (304)", known, status=304),
        Question("filter that gives 20, by framework", lists(by_framework), least_ratio=0.025),
        Question("filter that gives 20, by task", lists(by_task)),
        Question("match, the best 10 for one worker", matches, most_milliseconds=15.0),
        Question("heartbeat of a node", heartbeats),
        Question("create, one client", creations(), status=201, clients=1, writes=True),
        Question("create, eight clients", creations(), status=201, clients=8, writes=True),
    ]


def questions_of_few(_client: httpx.Client, authorization: str) -> list[Question]:
    """The question to the small catalogue."""
    whole = by_turns([request("POST", "/v1/docker/list", authorization=authorization, content_length="0")])
    return [Question("list of 1,000", whole, clients=4, least_ratio=0.008)]


def ready_bytes(server: Server, question: Question) -> bytes:
    """The body that bayplan answers a question with."""
    head, _, body = next(question.requests).decode().partition("\r\n\r\n")
    method, path, _ = head.split("\r\n")[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    answer = httpx.request(method, server.url + path, headers=headers, content=body, timeout=60)
    assert answer.status_code == question.status, answer.text
    return answer.content


@contextlib.contextmanager
def bare_server(answers: dict[str, bytes]) -> Iterator[tuple[int, int]]:
    """A bare server over these answers; gives its port and its process."""
    with tempfile.TemporaryDirectory() as folder:
        for name, body in answers.items():
            (Path(folder) / name).write_bytes(body)
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare", folder], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout:
            try:
                yield int(process.stdout.readline()), process.pid
            finally:
                process.terminate()
                process.wait(10)


def measure(server: Server, questions: list[Question], size: Size, say: Callable[[str], None]) -> list[Row]:
    """Asks bayplan and a bare server by turns."""
    names = [f"{index}-{question.status}" for index, question in enumerate(questions)]
    answers = {name: ready_bytes(server, question) for name, question in zip(names, questions, strict=True)}
    rows = []
    with bare_server(answers) as (bare_port, bare_pid):
        for name, question in zip(names, questions, strict=True):
            say(question.name)
            row = Row(question)
            alone = question.clients if question.writes else 1
            method = "POST" if question.writes else "GET"
            body = content.image(0) if question.writes else None
            same = by_turns([request(method, f"/{name}", body)])
            drive(server.port, question.clients, question.requests, question.status, min(WARM_UP_SECONDS, size.seconds))
            for _ in range(size.rounds):
                for measured, port, pid, requests, clients in (
                    (row.ours, server.port, server.process.pid, question.requests, question.clients),
                    (row.bare, bare_port, bare_pid, same, question.clients),
                    (row.alone, server.port, server.process.pid, question.requests, alone),
                ):
                    before = cpu_seconds(pid)
                    found = drive(port, clients, requests, question.status, size.seconds)
                    found.cpu_seconds = cpu_seconds(pid) - before
                    measured.add(found)
            rows.append(row)
    return rows


def resident_megabytes(server: Server) -> float:
    """The most memory that the server process has held, in megabytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


@dataclass(frozen=True)
class Result:
    """Everything that one run found."""

    size: Size
    rows: list[Row]
    megabytes: float


def run(size: Size, say: Callable[[str], None]) -> Result:
    """Makes both catalogues, measures, and gives what was found; tells `say` what it is about to do."""
    rows: list[Row] = []
    megabytes = 0.0
    with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as folder:
        for images, questions_of in ((size.few_images, questions_of_few), (size.images, questions_of_many)):
            home = Path(folder) / f"home-{images}"
            with (
                running_server(home, log_level="warning", access_token_minutes="1440") as server,
                server.client() as client,
            ):
                say(f"a catalogue of {images:,} images")
                content.fill(client, images, to_find=20)
                rows += measure(server, questions_of(client, f"Bearer {server.token()}"), size, say)
                megabytes = max(megabytes, resident_megabytes(server))
    return Result(size, rows, megabytes)
