"""Inspections per second through the server, and the same documents from the same registry by a bare HTTP client, alternately."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.process import Server, cpu_seconds
from tests.registry.running import Registry, running_registry

from bayplan.registry.content import ACCEPT
from benchmarks import content
from benchmarks.floor import CONNECTIONS
from benchmarks.load import Measured, by_turns, drive, request
from benchmarks.place import resident_megabytes
from benchmarks.registry_content import Pushed, push
from benchmarks.servers import running_server

REGISTRY_CONNECTIONS = 8  # what BAYPLAN_REGISTRY_CONCURRENCY allows the server unless it is set
Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How many images there are, and for how long is measured."""

    images: int = 200
    rounds: int = 3
    seconds: float = 2.0


FULL = Size()
QUICK = Size(images=4, rounds=1, seconds=0.15)


@dataclass
class Row:
    """What was measured of one kind of inspection; `documents`: how many of them the bare client reads for one."""

    name: str
    requests: Iterator[bytes]
    documents: float
    ours: Measured = field(default_factory=Measured)
    bare: Measured = field(default_factory=Measured)
    alone: Measured = field(default_factory=Measured)

    @property
    def bare_rate(self) -> float:
        """The images per second of which the bare client reads all documents."""
        return self.bare.rate / self.documents


@dataclass(frozen=True)
class Result:
    """All measurements of one run."""

    size: Size
    rows: list[Row]
    megabytes: float


def run(size: Size, say: Say) -> Result:
    """Fills a registry and a catalogue, and measures."""
    with (
        tempfile.TemporaryDirectory(prefix="bayplan-bench-") as folder,
        running_registry("open", Path(folder) / "registry") as registry,
    ):
        say(f"a registry with {size.images:,} images")
        images = list(push(registry, size.images))
        settings = {"registry_allow_private": "127.0.0.0/8", "registry_insecure": registry.host}
        home = Path(folder) / "home"
        with running_server(home, log_level="warning", access_token_minutes="1440", **settings) as server:
            rows = _rows(server, registry, images)
            for row in rows:
                say(row.name)
                _measure(row, server, registry, images, size)
            return Result(size, rows, resident_megabytes(server))


def _rows(server: Server, registry: Registry, images: list[Pushed]) -> list[Row]:
    authorization = f"Bearer {server.token()}"
    documents = sum(len(image.documents) for image in images) / len(images)
    inspections = [
        request("POST", "/v1/docker/inspect", {"url": image.reference}, authorization=authorization) for image in images
    ]
    with server.client() as client:
        entries = [
            content.image(number, url=image.reference, registry=f"http://{registry.host}")
            for number, image in enumerate(images)
        ]
        frameworks = [dict(zip(("name", "version"), text.split(), strict=True)) for text in content.FRAMEWORKS]
        body = {"frameworks": frameworks, "images": entries}
        client.post("/v1/catalogue/apply", json=body, timeout=600).raise_for_status()
        pks = [item["pk"] for item in client.post("/v1/docker/list").json()]
    stored = [
        request("POST", f"/v1/docker/{pk}/inspection", authorization=authorization, content_length="0") for pk in pks
    ]
    return [
        Row("inspection, nothing stored", by_turns(inspections), documents),
        Row("inspection, stored", by_turns(stored), documents),
    ]


def _measure(row: Row, server: Server, registry: Registry, images: list[Pushed], size: Size) -> None:
    reads = by_turns(
        request("GET", path, host=registry.host, accept=ACCEPT) for image in images for path in image.documents
    )
    drive(server.port, CONNECTIONS, row.requests, 200, min(size.seconds, 0.5))
    for _ in range(size.rounds):
        before = cpu_seconds(server.process.pid)
        measured = drive(server.port, CONNECTIONS, row.requests, 200, size.seconds)
        measured.cpu_seconds = cpu_seconds(server.process.pid) - before
        row.ours.add(measured)
        row.bare.add(drive(registry.port, REGISTRY_CONNECTIONS, reads, 200, size.seconds))
        row.alone.add(drive(server.port, 1, row.requests, 200, size.seconds))
