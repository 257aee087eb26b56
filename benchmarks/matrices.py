"""The matrix of a catalogue and a fleet: every group of images on every kind of nodes, in one answer."""

import contextlib
import gzip
import http.client
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.process import cpu_seconds

from benchmarks import content, place
from benchmarks.floor import bare_server
from benchmarks.place import Place, resident_megabytes
from benchmarks.rows import Outcome, Row, Size, at_most
from benchmarks.whole import probe

KINDS = 500
SAMPLES = 15
ROUNDS_OF_FLOOR = 20
PATH = "/v1/docker/matrix"
HEADERS = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}


@contextlib.contextmanager
def fleet(size: Size, folder: Path) -> Iterator[Place]:
    """A server with as many nodes as images, of some hundred kinds."""
    with place.on_sqlite(size, folder) as running:
        kinds = list(itertools.islice(content.new_workers(), KINDS if size.images >= 10_000 else KINDS // 10))
        made = [
            {"ip": f"10.0.{i // 8 // 250}.{i // 8 % 250 + 1}", "index": i % 8, **kinds[i // 8 % len(kinds)]}
            for i in range(size.images)
        ]
        for at in range(0, len(made), content.BATCH):
            batch = {"nodes": made[at : at + content.BATCH]}
            running.client.post("/v1/catalogue/apply", json=batch, timeout=600).raise_for_status()
        yield running


def after_a_write(place: Place) -> Outcome:
    """The median of a matrix of everything, each after a change of an image, so that none is kept; and of one without a change."""
    seconds, again, cpu = [], [], []
    for number in range(place.size.samples_of(SAMPLES)):
        change = {"cuda_version": content.CUDAS[number % len(content.CUDAS)]}
        place.client.patch(f"/v1/docker/{place.pks[0]}", json=change).raise_for_status()
        before = cpu_seconds(place.server.process.pid)
        seconds.append(_asked(place)[0])
        cpu.append(cpu_seconds(place.server.process.pid) - before)
        again.append(_asked(place)[0])
    p50 = median(seconds)
    words = (
        f"p50 {p50:.2f} s, at most {max(seconds):.2f} s, of {len(seconds)}; {median(cpu):.2f} s of processor time; "
        f"again without a write {1000 * median(again):.1f} ms"
    )
    return Outcome(p50, words, f"{1000 * _bare_seconds(_asked(place)[1]):.1f} ms, a bare server with these bytes")


def _of_processor(place: Place, method: str, path: str, body: bytes = b"") -> Outcome:
    """The median of the processor time of an answer, each after a change of an image, and of one asked again."""
    seconds, cpu, again = [], [], []
    for number in range(place.size.samples_of(SAMPLES)):
        change = {"cuda_version": content.CUDAS[number % len(content.CUDAS)]}
        place.client.patch(f"/v1/docker/{place.pks[0]}", json=change).raise_for_status()
        before = cpu_seconds(place.server.process.pid)
        seconds.append(_asked(place, method, path, body)[0])
        cpu.append(cpu_seconds(place.server.process.pid) - before)
        again.append(_asked(place, method, path, body)[0])
    words = (
        f"{median(cpu):.2f} s of processor time, p50 {median(seconds):.2f} s, of {len(seconds)}; "
        f"asked again {1000 * median(again):.1f} ms"
    )
    packed = _asked(place, method, path, body)[1]
    return Outcome(median(cpu), words, f"{1000 * _bare_seconds(packed):.1f} ms, a bare server with these bytes")


def upgrades(place: Place) -> Outcome:
    """The driver upgrades of all nodes."""
    return _of_processor(place, "GET", "/v1/nodes/upgrades")


def outdated(place: Place) -> Outcome:
    """The images that are out of date: nine in ten are, for there are newer versions of their names."""
    return _of_processor(place, "GET", "/v1/docker/outdated")


def retirement(place: Place) -> Outcome:
    """What it would strand to retire ten images."""
    return _of_processor(place, "POST", "/v1/docker/retirement", json.dumps({"images": place.pks[:10]}).encode())


def size_of_answer(place: Place) -> Outcome:
    """The megabytes that are sent."""
    packed = _asked(place)[1]
    unpacked = gzip.decompress(packed)
    verdicts = unpacked.count(b'"codes":')
    megabytes = len(packed) / 1e6
    return Outcome(
        megabytes, f"{megabytes:.2f} MB for {verdicts:,} verdicts; {len(unpacked) / 1e6:.1f} MB without gzip"
    )


def held(place: Place) -> Outcome:
    """The longest that /healthz waited while matrices were on their way."""
    with probe(place.server.port) as waits:
        time.sleep(1)
    with probe(place.server.port) as waits_meanwhile:
        after_a_write(place)
    ordered = sorted(waits_meanwhile)
    p99, longest = 1000 * ordered[int(len(ordered) * 0.99)], 1000 * ordered[-1]
    return Outcome(longest, f"{longest:.0f} ms, p99 {p99:.0f} ms", f"{1000 * max(waits):.0f} ms while nobody asks")


def memory(place: Place) -> Outcome:
    """The most memory that the server held, with a list of all images among the rest."""
    place.client.post("/v1/docker/list").raise_for_status()
    _asked(place)
    megabytes = resident_megabytes(place.server)
    return Outcome(megabytes, f"{megabytes:.0f} MB")


def _asked(place: Place, method: str = "POST", path: str = PATH, body: bytes = b"{}") -> tuple[float, bytes]:
    """The seconds until the whole answer was read, and its bytes as they are sent."""
    headers = {"Authorization": place.authorization, **HEADERS}
    connection = http.client.HTTPConnection("127.0.0.1", place.server.port, timeout=60)
    with contextlib.closing(connection):
        begin = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        packed = answer.read()
        seconds = time.perf_counter() - begin
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {packed[:300]!r}")
    return seconds, packed


def _bare_seconds(body: bytes) -> float:
    """The median of a bare server that sends the same bytes."""
    seconds = []
    with bare_server(body, 200) as (port, _), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as bare:
        for _ in range(ROUNDS_OF_FLOOR):
            begin = time.perf_counter()
            bare.request("GET", "/answer-200")
            bare.getresponse().read()
            seconds.append(time.perf_counter() - begin)
    return median(seconds)


ROWS = (
    Row(
        "matrix",
        "matrix of 10,000 images by 10,000 nodes of 500 kinds, right after a write, one client: p50",
        "4 to 5 s for the grades alone",
        at_most(1, "{:g} s"),
        after_a_write,
    ),
    Row("matrix-size", "the same: the answer as it is sent", "", at_most(5, "{:g} MB"), size_of_answer),
    Row("matrix-held", "the same: the longest hold of the event loop", "", at_most(50, "{:g} ms"), held),
    Row("upgrades", "the same: driver upgrades, processor time", "", at_most(1, "{:g} s"), upgrades),
    Row("outdated", "the same: images out of date, processor time", "", at_most(0.2, "{:g} s"), outdated),
    Row(
        "retirement", "the same: what retiring ten images strands, processor time", "", at_most(1, "{:g} s"), retirement
    ),
    Row("matrix-memory", "the same: memory of the server, at most", "", at_most(250, "{:g} MB"), memory),
)
