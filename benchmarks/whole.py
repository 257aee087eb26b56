"""What concerns a whole catalogue: to apply and export it, all images of one node, and the memory that it takes."""

import contextlib
import http.client
import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from statistics import median

from benchmarks import content
from benchmarks.place import Place, resident_megabytes
from benchmarks.rows import Outcome, Row, at_most

PROBE_SECONDS = 0.005
TIMES = 5
BATCHES = 5  # at the beginning and at the end, of which the medians are compared


def apply(place: Place) -> Outcome:
    """The seconds that all batches took."""
    total = sum(place.batch_seconds)
    return Outcome(total, f"{total:.1f} s in {len(place.batch_seconds)} batches of {content.BATCH:,}")


def apply_flat(place: Place) -> Outcome:
    """How much longer the last batches took than the first ones."""
    first, last = median(place.batch_seconds[:BATCHES]), median(place.batch_seconds[-BATCHES:])
    return Outcome(last / first, f"{last / first:.2f} times: {first:.2f} s, then {last:.2f} s")


def export(place: Place) -> Outcome:
    """The median of an export of everything."""
    return _seconds(place, "/v1/catalogue/export")


def images_of_a_node(place: Place) -> Outcome:
    """The median of all images of one node with their verdicts."""
    return _seconds(place, f"/v1/nodes/{place.node_pks[0]}/images")


def held(place: Place) -> Outcome:
    """The longest that /healthz waited while an export and the images of a node were on their way."""
    paths = ("/v1/catalogue/export", f"/v1/nodes/{place.node_pks[0]}/images")
    with place.connection() as connection:
        for path in paths:
            connection.seconds("GET", path)
        with probe(place.server.port) as waits:
            time.sleep(1)
        with probe(place.server.port) as waits_meanwhile:
            for path in paths * place.size.samples_of(2):
                connection.seconds("GET", path)
    longest, idle = 1000 * max(waits_meanwhile), 1000 * max(waits)
    return Outcome(longest, f"{longest:.0f} ms", f"{idle:.0f} ms while nobody asks")


def memory(place: Place) -> Outcome:
    """The most memory that the server held, with a list of all images and a match among the rest."""
    with place.connection() as connection:
        connection.seconds("POST", "/v1/docker/list")
        connection.seconds("POST", "/v1/docker/match", {"worker": content.workers()[0], "limit": 10})
    megabytes = resident_megabytes(place.server)
    return Outcome(megabytes, f"{megabytes:.0f} MB")


def _seconds(place: Place, path: str) -> Outcome:
    with place.connection() as connection:
        first = connection.seconds("GET", path)
        times = [connection.seconds("GET", path) for _ in range(place.size.samples_of(TIMES))]
    return Outcome(median(times), f"{median(times):.2f} s; the first {first:.2f} s")


@contextlib.contextmanager
def probe(port: int) -> Iterator[list[float]]:
    """The seconds that /healthz took, asked all the time from a process of its own; filled when the block ends."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=_ask_again_and_again, args=(theirs, port))
    process.start()
    waits: list[float] = []
    ours.recv()
    try:
        yield waits
    finally:
        ours.send("end")
        waits += ours.recv()
        process.join()


def _ask_again_and_again(pipe: Pipe, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    waits = []
    is_over = threading.Event()
    pipe.send("ready")
    while not is_over.wait(PROBE_SECONDS):
        begin = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        waits.append(time.perf_counter() - begin)
        if pipe.poll():
            is_over.set()
    pipe.send(waits)


MEMORY = Row("memory", "memory of the server with 10,000 images, at most", "195 MB", at_most(200, "{:g} MB"), memory)

LARGE_ROWS = (
    Row("large-apply", "apply of 100,000 images in batches of 1,000", "305 s", at_most(75, "{:g} s"), apply),
    Row(
        "large-apply-flat",
        "the last of these batches, compared with the first",
        "6 times",
        at_most(1.5, "{:g} times"),
        apply_flat,
    ),
    Row("large-export", "100,000 images: export", "2.6 s", at_most(1, "{:g} s"), export),
    Row("large-node", "100,000 images: all images of one node", "1.9 s", at_most(0.5, "{:g} s"), images_of_a_node),
    Row("large-held", "the longest hold of the event loop by these two", "", at_most(50, "{:g} ms"), held),
)

LARGE_MEMORY = Row(
    "large-memory",
    "memory of the server with 100,000 images, after a list of all, at most",
    "637 MB",
    at_most(400, "{:g} MB"),
    memory,
)
