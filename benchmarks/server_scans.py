"""How fast the server scans an image of a real registry, what memory that takes, and how long others wait for it meanwhile.

Beside it, in the same run: one bare client that reads the same layers from the same registry and unpacks them, one after the other.
"""

import contextlib
import http.client
import json
import re
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from tests.process import Server, cpu_seconds
from tests.registry.running import CONFIG_OF, LAYER_OF, OCI_MANIFEST, Registry, configuration, running_registry

from benchmarks import content
from benchmarks.place import resident_megabytes
from benchmarks.servers import running_server

REPOSITORY = "bench/scans"
PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.01
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Result:
    """Of one scan: packed layers, the time of the scan and of the bare client, processor times, memory, and what loads waited.

    The server's processor time has that of the loads, and the reader's is that which was read last.
    """

    packed_megabytes: float
    seconds: float
    bare_seconds: float
    bare_cpu_seconds: float
    server_cpu_seconds: float
    reader_cpu_seconds: float
    server_megabytes_before: float
    server_megabytes: float
    reader_megabytes: float
    longest_load_milliseconds: float
    longest_quiet_milliseconds: float


@dataclass(slots=True)
class _Watch:
    """Loads an image all the time, and reads what memory the server's processes have."""

    server: Server
    pk: int
    is_over: threading.Event = field(default_factory=threading.Event)
    waits: list[float] = field(default_factory=list)
    reader_megabytes: float = 0.0
    reader_cpu_seconds: float = 0.0

    def run(self) -> None:
        """Until it is over."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {self.server.token()}"}
        with contextlib.closing(connection):
            while not self.is_over.wait(_POLL_SECONDS):
                begin = time.perf_counter()
                connection.request("GET", f"/v1/docker/{self.pk}", headers=headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                self.waits.append(time.perf_counter() - begin)
                self._read_children()

    def _read_children(self) -> None:
        for thread in Path(f"/proc/{self.server.process.pid}/task").glob("*/children"):
            for child in map(int, thread.read_text().split()):
                with contextlib.suppress(OSError):  # it has ended
                    self.reader_cpu_seconds = max(self.reader_cpu_seconds, cpu_seconds(child))
                    peak = re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)
                    if peak is not None:
                        self.reader_megabytes = max(self.reader_megabytes, int(peak[1]) / 1024)


def push(registry: Registry, layers: Sequence[bytes]) -> list[str]:
    """Pushes an image with these layers in gzip; gives the paths of its layers."""
    blobs = [registry.blob(REPOSITORY, layer) for layer in layers]
    config = registry.blob(REPOSITORY, json.dumps(configuration({"CUDA_VERSION": "12.8.1"})).encode())
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG_OF[OCI_MANIFEST], **config},
        "layers": [{"mediaType": LAYER_OF[OCI_MANIFEST], **blob} for blob in blobs],
    }
    registry.manifest(REPOSITORY, "1", document)
    return [f"/v2/{REPOSITORY}/blobs/{blob['digest']}" for blob in blobs]


def bare(registry: Registry, paths: Sequence[str]) -> float:
    """The seconds that it takes to read these layers and to unpack them."""
    begin = time.perf_counter()
    with httpx2.Client(base_url=f"http://{registry.host}", timeout=PATIENCE_SECONDS) as client:
        for path in paths:
            unpacker = zlib.decompressobj(31)
            with client.stream("GET", path) as answer:
                answer.raise_for_status()
                for piece in answer.iter_raw(_PIECE_BYTES):
                    unpacker.decompress(piece)
    return time.perf_counter() - begin


@contextlib.contextmanager
def _watched(server: Server, pk: int) -> Iterator[_Watch]:
    watch = _Watch(server, pk)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        thread.join()


def run(layers: Sequence[bytes], quiet_seconds: float, say: Callable[[str], None]) -> Result:
    """Pushes an image with these layers, has a server scan it, and measures that."""
    with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as name, contextlib.ExitStack() as stack:
        registry = stack.enter_context(running_registry("open", Path(name) / "registry"))
        paths = push(registry, layers)
        settings = {
            "registry_allow_private": "127.0.0.0/8",
            "registry_insecure": registry.host,
            "log_level": "warning",
        }
        server = stack.enter_context(running_server(Path(name) / "home", **settings))
        client = stack.enter_context(server.client())
        content.fill(client, 1, to_find=1)
        pk = client.post("/v1/docker/list?limit=1").json()[0]["pk"]
        changes = {"url": f"{registry.host}/{REPOSITORY}:1", "registry": f"http://{registry.host}"}
        client.patch(f"/v1/docker/{pk}", json=changes).raise_for_status()
        client.post(f"/v1/docker/{pk}/inspection").raise_for_status()
        with _watched(server, pk) as quiet:
            time.sleep(quiet_seconds)
        before, cpu = resident_megabytes(server), server.cpu_seconds
        say("a scan by the server")
        with _watched(server, pk) as watch:
            begin = time.perf_counter()
            client.post(f"/v1/docker/{pk}/scan").raise_for_status()
            while (job := client.get(f"/v1/docker/{pk}/scan").json())["state"] not in ("done", "failed"):
                assert time.perf_counter() - begin < PATIENCE_SECONDS
                time.sleep(0.05)
            seconds = time.perf_counter() - begin
        assert job["state"] == "done", job
        say("a bare client that reads and unpacks the same layers")
        bare_cpu = time.process_time()
        bare_seconds = bare(registry, paths)
        return Result(
            sum(map(len, layers)) / 1e6,
            seconds,
            bare_seconds,
            time.process_time() - bare_cpu,
            server.cpu_seconds - cpu,
            watch.reader_cpu_seconds,
            before,
            resident_megabytes(server),
            watch.reader_megabytes,
            1000 * max(watch.waits),
            1000 * max(quiet.waits),
        )
