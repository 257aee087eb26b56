"""How long the checks of a whole catalogue take: images in several real registries, all checked twice.

The first time each state changes and is written, the second time none does. Beside them, in the same run: the same
HEAD requests by a bare client, and how long a load by pk takes meanwhile. `python -m benchmarks.checks`
prints the result as JSON.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from tests.process import Server
from tests.registry.running import CONFIG_OF, LAYER, OCI_MANIFEST, Registry, configuration, running_registry

from bayplan.registry.content import ACCEPT
from benchmarks import content
from benchmarks.load import exhaust, request
from benchmarks.place import resident_megabytes
from benchmarks.servers import running_server

TAGS = 100  # in one repository
PATIENCE_SECONDS = 600
Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How many images lie in how many registries, how many connections one client holds to each, for how long is measured."""

    images: int = 10_000
    registries: int = 4
    connections: int = 8
    quiet_seconds: float = 2.0
    """For how long loads are measured before the checks."""


FULL = Size()
QUICK = Size(images=120, registries=2, quiet_seconds=0.2)


@dataclass(frozen=True)
class Round:
    """One check of every image: the time it took, the processor time, and the latency of a load meanwhile."""

    seconds: float
    cpu_seconds: float
    load_milliseconds: float
    load_milliseconds_p99: float
    megabytes: float

    def per_second(self, images: int) -> float:
        """Images that were checked in a second."""
        return images / self.seconds


@dataclass(frozen=True)
class Result:
    """All measurements of one run. `load_milliseconds` is that of a server that checks nothing meanwhile."""

    size: Size
    first: Round
    again: Round
    bare_seconds: float
    megabytes_before: float
    load_milliseconds: float
    load_milliseconds_p99: float


def push(registry: Registry, images: int) -> list[str]:
    """Pushes so many small images; gives their references."""
    references = []
    for start in range(0, images, TAGS):
        repository = f"team/image-{start // TAGS}"
        layer = registry.blob(repository, LAYER)
        config = registry.blob(repository, json.dumps(configuration({"CUDA_VERSION": "12.4.1"})).encode())
        for number in range(start, min(images, start + TAGS)):
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {"mediaType": CONFIG_OF[OCI_MANIFEST], **config},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer}],
                "annotations": {"number": str(number)},
            }
            registry.manifest(repository, str(number), document)
            references.append(f"{registry.host}/{repository}:{number}")
    return references


def push_all(registries: Sequence[Registry], images: int) -> list[str]:
    """Fills all registries at once; gives the references of all registries in turn."""
    with ThreadPoolExecutor(len(registries)) as pool:
        by_registry = list(pool.map(lambda registry: push(registry, images // len(registries)), registries))
    return [reference for group in zip(*by_registry, strict=True) for reference in group]


def fill(client: httpx2.Client, references: Sequence[str]) -> None:
    """Puts the images into an empty catalogue."""
    frameworks = [dict(zip(("name", "version"), text.split(), strict=True)) for text in content.FRAMEWORKS]
    for start in range(0, len(references), content.BATCH):
        images = [
            content.image(number, url=references[number], registry=f"http://{references[number].partition('/')[0]}")
            for number in range(start, min(len(references), start + content.BATCH))
        ]
        body = {"frameworks": frameworks, "images": images}
        client.post("/v1/catalogue/apply", json=body, timeout=600).raise_for_status()


def bare(references: Sequence[str], connections: int) -> float:
    """The seconds that a bare client takes for the same requests, with as many connections to each registry."""
    waiting: dict[int, list[bytes]] = {}
    for reference in references:
        host, _, rest = reference.partition("/")
        repository, _, tag = rest.rpartition(":")
        head = request("HEAD", f"/v2/{repository}/manifests/{tag}", host=host, accept=ACCEPT)
        waiting.setdefault(int(host.rpartition(":")[2]), []).append(head)
    return exhaust(waiting, connections, 200)


def check_all(server: Server, images: int) -> Round:
    """Has the server check all images, and measures it."""
    is_done = threading.Event()
    with server.client() as client, ThreadPoolExecutor(1) as beside:
        cpu, begun = server.cpu_seconds, time.perf_counter()
        queued = client.post("/v1/docker/checks", json={"which": "all"}, timeout=60).raise_for_status().json()
        assert queued["images"] == images
        loading = beside.submit(loads, server, images, is_done)
        while (states := client.get("/v1/docker/checks", params={"since": queued["asked"]}).json())["waiting"]:
            assert time.perf_counter() - begun < PATIENCE_SECONDS, states
            time.sleep(0.25)
        seconds = time.perf_counter() - begun
        is_done.set()
        latencies = loading.result()
    assert states["states"]["ok"] == states["checked"] == images, states
    return Round(
        seconds,
        server.cpu_seconds - cpu,
        _milliseconds(latencies, 0.5),
        _milliseconds(latencies, 0.99),
        resident_megabytes(server),
    )


def loads(server: Server, images: int, is_done: threading.Event) -> list[float]:
    """How long loads by pk take, some fifty of them a second so that they do not compete for the processor; at least one."""
    headers = {"Authorization": f"Bearer {server.token()}"}
    latencies: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        for pk in itertools.cycle(range(1, images + 1)):
            begun = time.perf_counter()
            connection.request("GET", f"/v1/docker/{pk}", headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            latencies.append(time.perf_counter() - begun)
            if is_done.wait(0.02):
                break
    return latencies


def _milliseconds(latencies: list[float], share: float) -> float:
    ordered = sorted(latencies)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(size: Size, say: Say) -> Result:
    """Fills registries and a catalogue, and measures; calls `say` before each step."""
    with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as folder, contextlib.ExitStack() as stack:
        registries = [
            stack.enter_context(running_registry("open", Path(folder) / f"registry-{number}"))
            for number in range(size.registries)
        ]
        say(f"{size.images:,} images in {size.registries} registries")
        references = push_all(registries, size.images)
        settings = {
            "registry_allow_private": "127.0.0.0/8",
            "registry_insecure": ",".join(registry.host for registry in registries),
            "registry_concurrency": str(size.connections),
            "access_token_minutes": "1440",
            "log_level": "warning",
        }
        with running_server(Path(folder) / "home", **settings) as server:
            say("the same images in a catalogue")
            with server.client() as client:
                fill(client, references)
            is_over = threading.Event()
            threading.Timer(size.quiet_seconds, is_over.set).start()
            quiet = loads(server, size.images, is_over)
            before = resident_megabytes(server)
            say("the first check of each")
            first = check_all(server, size.images)
            say("the same requests by a bare client")
            seconds = bare(references, size.connections)
            say("the second check of each")
            again = check_all(server, size.images)
            return Result(size, first, again, seconds, before, _milliseconds(quiet, 0.5), _milliseconds(quiet, 0.99))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few images, to see that it works")
    parser.add_argument("--images", type=int, default=FULL.images)
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else Size(images=chosen.images)
    result = run(size, lambda text: print(f"measuring: {text}", file=sys.stderr))
    per_second = {name: round(getattr(result, name).per_second(size.images), 1) for name in ("first", "again")}
    bare_rate = round(size.images / result.bare_seconds, 1)
    print(json.dumps(asdict(result) | {"per_second": per_second | {"bare": bare_rate}}, indent=2))


if __name__ == "__main__":
    main()
