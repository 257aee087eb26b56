"""`python -m benchmarks.credentials` (`make bench-credentials`): what credentials in an answer cost; prints the table, in Markdown.

The same catalogue twice on each database, once without credentials and once with some for every image, asked alternately: the
difference is the password that is decrypted, and its entry in the audit log that is committed before the answer leaves.
"""

import argparse
import contextlib
import itertools
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from tests.postgres import running_postgres
from tests.process import Server, cpu_seconds

from benchmarks import content
from benchmarks.load import WARM_UP_SECONDS, Measured, by_turns, drive, request
from benchmarks.page import table, write
from benchmarks.servers import running_server

PART = "Credentials in answers"
HEAD = (
    "",
    "without",
    "with credentials",
    "p50 without",
    "p50 with",
    "p99 with",
    "processor time, without and with",
    "",
)
CREDENTIALS = {"registry_username": "robot", "registry_password": "a password of the registry"}
CLIENTS = 16

INTRODUCTION = """\
Measured by `make bench-credentials ARGS=--write`, which wrote this part: one server process over each database, on the same
machine, {machine}, with {images:,} images without credentials and with {images:,} images that have some. The two are
measured alternately. Rates are those of {clients} connections (4 for the list). p50 and p99 are those of a client alone,
which waits for the disk at every answer with credentials; answers at the same time share a transaction.

"""


@dataclass(frozen=True)
class Size:
    """How much is measured, and for how long."""

    images: int
    rounds: int
    seconds: float


FULL = Size(images=1_000, rounds=3, seconds=1.0)
QUICK = Size(images=100, rounds=1, seconds=0.15)


@dataclass
class Row:
    """A question to one database: the answers without credentials, and with them; by many clients, and by one alone."""

    database: str
    name: str
    without: Measured = field(default_factory=Measured)
    without_alone: Measured = field(default_factory=Measured)
    with_: Measured = field(default_factory=Measured)
    alone: Measured = field(default_factory=Measured)

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return (
            f"{self.name}, {self.database}",
            f"{self.without.rate:,.0f}/s",
            f"{self.with_.rate:,.0f}/s",
            f"{self.without_alone.milliseconds(0.5):.2f} ms",
            f"{self.alone.milliseconds(0.5):.2f} ms",
            f"{self.alone.milliseconds(0.99):.2f} ms",
            f"{self.without.cpu_milliseconds:.2f} and {self.with_.cpu_milliseconds:.2f} ms",
            "",
        )


def questions(client: httpx2.Client, authorization: str) -> dict[str, tuple[Iterator[bytes], int, int]]:
    """Requests by name, the status that they are answered with, and how many clients send them."""
    pks = [item["pk"] for item in client.post("/v1/docker/list?limit=200").json()]
    tags = {pk: client.get(f"/v1/docker/{pk}").headers["etag"] for pk in pks}
    matches = [
        request("POST", "/v1/docker/match", {"worker": worker, "limit": 10}, authorization=authorization)
        for worker in content.workers()
    ]
    return {
        "load by pk": (
            by_turns(request("GET", f"/v1/docker/{pk}", authorization=authorization) for pk in pks),
            200,
            CLIENTS,
        ),
        "conditional load (304)": (
            by_turns(
                request("GET", f"/v1/docker/{pk}", authorization=authorization, if_none_match=tag)
                for pk, tag in tags.items()
            ),
            304,
            CLIENTS,
        ),
        "match, the best 10 for one worker": (itertools.cycle(matches), 200, CLIENTS),
        "list of all images": (
            by_turns([request("POST", "/v1/docker/list", authorization=authorization, content_length="0")]),
            200,
            4,
        ),
    }


@contextlib.contextmanager
def catalogues(database: str, folder: Path, size: Size) -> Iterator[tuple[Server, Server]]:
    """Two servers over that kind of database: whose images have no credentials, and whose images all have some."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(running_postgres()) if database == "PostgreSQL" else None
        servers = []
        for name, credentials in (("without", {}), ("with", CREDENTIALS)):
            settings = {"log_level": "warning", "access_token_minutes": "1440", "verify_interval": "0"}
            if cluster is not None:
                settings["database"] = cluster.create(f"bench_{name}")
            server = stack.enter_context(running_server(folder / f"{database}-{name}", **settings))
            with server.client() as client:
                content.fill(client, size.images, to_find=20, **credentials)
            servers.append(server)
        yield servers[0], servers[1]


def measure(database: str, without: Server, with_: Server, size: Size) -> list[Row]:
    """Asks both servers alternately."""
    questions_of = []
    for server in (without, with_):
        with server.client() as client:
            questions_of.append(questions(client, f"Bearer {server.token()}"))
    rows = []
    for name in questions_of[0]:
        row = Row(database, name)
        for server, by_name in zip((without, with_), questions_of, strict=True):
            requests, status, clients = by_name[name]
            drive(server.port, clients, requests, status, min(WARM_UP_SECONDS, size.seconds))
        for _ in range(size.rounds):
            for server, by_name, many, alone in (
                (without, questions_of[0], row.without, row.without_alone),
                (with_, questions_of[1], row.with_, row.alone),
            ):
                requests, status, clients = by_name[name]
                for measured, connections in ((many, clients), (alone, 1)):
                    before = cpu_seconds(server.process.pid)
                    turn = drive(server.port, connections, requests, status, size.seconds)
                    turn.cpu_seconds = cpu_seconds(server.process.pid) - before
                    measured.add(turn)
        rows.append(row)
    return rows


def run(size: Size, say: Callable[[str], None]) -> list[Row]:
    """Makes the catalogues, measures, and gives what was found; tells `say` what it is about to do."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as folder:
        for database in ("SQLite", "PostgreSQL"):
            say(database)
            with catalogues(database, Path(folder), size) as (without, with_):
                rows += measure(database, without, with_, size)
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="make bench-credentials", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images and short turns, to see that it works")
    parser.add_argument("--write", action="store_true", help="also write its part of docs/performance.md")
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else FULL
    rows = run(size, lambda text: print(f"measuring: {text}", file=sys.stderr))
    text = table(HEAD, [row.cells for row in rows])
    print(text, end="")
    if chosen.write:
        machine = f"{os.cpu_count()} cores with Python {platform.python_version()}"
        write(PART, INTRODUCTION.format(machine=machine, images=size.images, clients=CLIENTS) + text)


if __name__ == "__main__":
    main()
