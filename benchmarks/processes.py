"""Loads by two server processes that share a socket, compared with those by one, over the same SQLite file.

The rates need cores for two processes and for the load generators. The processor times do not: they say how many loads two
processes would answer that have a core each, and show what sharing costs.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.process import cpu_seconds

from benchmarks import content, reads
from benchmarks.floor import CONNECTIONS, Question, timed
from benchmarks.load import Measured
from benchmarks.place import SETTINGS, Place
from benchmarks.rows import Outcome, Row, Size, at_least
from benchmarks.servers import running_server

PROCESSES = 2
# The kernel gives connections to the processes at random: many, so that each has its share.
CLIENTS = 4 * CONNECTIONS
GENERATORS = 2
TURNS = 3  # each with two starts of a server


@dataclass(frozen=True)
class Home:
    """The data that both servers are started over, one after the other."""

    folder: Path
    size: Size


@contextlib.contextmanager
def home(size: Size, folder: Path) -> Iterator[Home]:
    """A catalogue in a folder."""
    with running_server(folder / "home", **SETTINGS) as server, server.client() as client:
        content.fill(client, size.images, to_find=20)
    yield Home(folder / "home", size)


def ratio(place: Home) -> Outcome:
    """How many times the loads of one process two processes have, measured alternately."""
    one, two = Measured(), Measured()
    for _ in range(min(place.size.rounds, TURNS)):
        one.add(_loads(place, 1))
        two.add(_loads(place, PROCESSES))
    busiest = max(one.generator_share, two.generator_share)
    by_processor_time = PROCESSES * one.cpu_milliseconds / two.cpu_milliseconds
    measured = (
        f"{two.rate / one.rate:.2f} times: {two.rate:,.0f}/s with {PROCESSES}, {one.rate:,.0f}/s with one; "
        f"by processor time {by_processor_time:.2f} times"
    )
    return Outcome(two.rate / one.rate, measured, f"{os.cpu_count()} cores, load generator at {busiest:.0%} of a core")


def _loads(place: Home, processes: int) -> Measured:
    with (
        running_server(place.folder, "--processes", str(processes), **SETTINGS) as server,
        server.client() as client,
    ):
        loads = reads.load(Place(server, client, place.size, place.size.images))
        question = Question(loads.requests, connections=CLIENTS, generators=GENERATORS)
        seconds = 2 * place.size.seconds
        timed(server, question, seconds)
        before = _cpu_seconds_of_all(server.process.pid)
        measured = timed(server, question, seconds)
        measured.cpu_seconds = _cpu_seconds_of_all(server.process.pid) - before
        return measured


def _cpu_seconds_of_all(pid: int) -> float:
    """The processor time of a process and of those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_seconds(int(child)) for child in children)


ROWS = (
    Row(
        "processes",
        "`serve --processes 2`: the loads by pk, compared with one process",
        "",
        at_least(1.7, "{:g} times"),
        ratio,
    ),
)
