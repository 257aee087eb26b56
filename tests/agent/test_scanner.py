"""The thread that scans: it asks the server first, keeps what fails for later, and ends its process with itself."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bayplan.agent.credential import AgentState
from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.scan_queue import QueuedScan, ScanQueue
from bayplan.agent.scan_store import FileStore
from bayplan.agent.scanner import Scanner
from bayplan.domain.backoff import Backoff
from bayplan.scan.layer import read_layer
from tests.agent.box import until
from tests.scan.made import layer

DIGESTS = [f"sha256:{number:064x}" for number in range(4)]
SCANNED, NEW = DIGESTS[:2]


class Answers(BaseHTTPRequestHandler):
    """A server that has the scan of one image."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers with the scan, or that there is none."""
        self._answer(200 if SCANNED in self.path else 404, {"reader": 1_000, "code": "not_found", "detail": "No scan."})

    def do_POST(self) -> None:
        """Gives tokens."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, {"access": "a.b.c", "refresh": "d.e.f"})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing."""


@pytest.fixture
def state() -> Iterator[AgentState]:
    """A worker of that server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield AgentState(f"http://127.0.0.1:{server.server_port}", "w", "s", None, False, (1,), {})
        server.shutdown()
        thread.join()


def test_an_image_that_the_server_knows_is_not_scanned_and_a_failure_is_tried_again(
    tmp_path: Path, state: AgentState
) -> None:
    """No engine answers here, so the process of a scan says so."""
    log: list[str] = []
    scanner = Scanner(
        tmp_path / "worker.json",
        DiskLimits(),
        f"unix://{tmp_path}/none.sock",
        log.append,
        0.0,
        0.02,
        Backoff(0.05, 0.1),
    )
    scanner.queue.add([f"r.example/a@{SCANNED}", f"r.example/a@{NEW}"])
    scanner.queue.add([f"r.example/a@{SCANNED}"])

    def states() -> dict[str, str]:
        return {entry.digest: entry.state for entry in scanner.queue.entries()}

    assert states() == {SCANNED: "waiting", NEW: "waiting"}
    scanner.start(state)
    try:
        until(lambda: states() == {SCANNED: "done", NEW: "failed"}, lambda: f"{states()} {log}")
        until(lambda: states()[NEW] == "scanning", lambda: str(states()))  # again
    finally:
        scanner.stop()
    assert len(log) == 1
    assert "none.sock" in log[0]


def test_the_queue_is_bounded_and_reads_no_nonsense(tmp_path: Path) -> None:
    """Files of others, entries that ended long ago, and a folder that cannot be written."""
    queue = ScanQueue.beside(tmp_path / "worker.json")
    assert queue.entries() == []
    queue.add([f"r.example/a@{digest}" for digest in DIGESTS])
    queue.set(QueuedScan(f"r.example/a@{NEW}", "done", time.time() - 40 * 86_400))
    for name, text in (
        ("x", "{"),
        ("y", '{"reference": 5}'),
        ("z", '{"reference": "r/a:1"}'),
        ("v", "[1]"),
        ("u", '{"a": 1}'),
    ):
        (queue.folder / f"{name}.json").write_text(text)
    assert [entry.digest for entry in queue.entries()] == [digest for digest in DIGESTS if digest != NEW]
    assert len(list(queue.folder.glob("*.json"))) == 3
    (tmp_path / "file").write_text("")
    ScanQueue(tmp_path / "file").add([f"r.example/a@{NEW}"])


def test_findings_of_layers_are_kept_within_bounds(tmp_path: Path) -> None:
    """The least lately used go first; a damaged file is read anew."""
    findings = read_layer([layer({"etc/ld.so.conf": b"/usr/lib\n"})])
    size = len(json.dumps(findings.to_document()))
    store = FileStore(tmp_path / "layers", most_bytes=2 * size + 10)
    for number, digest in enumerate(DIGESTS[:3]):
        store.put(digest, findings)
        (tmp_path / "layers" / f"{digest[7:]}.json").touch()
        os.utime(tmp_path / "layers" / f"{digest[7:]}.json", (number, number))
    store.put(DIGESTS[3], findings)
    kept = [store.get(digest) for digest in DIGESTS]
    assert [findings is not None for findings in kept] == [False, False, True, True]
    assert kept[3] is not None
    assert kept[3].files == findings.files
    (tmp_path / "layers" / f"{DIGESTS[3][7:]}.json").write_text("{}")
    assert store.get(DIGESTS[3]) is None
    assert store.get("sha256:../../etc/passwd") is None
    store.put("../x", findings)
    FileStore(tmp_path / "layers" / "a" / "b").put("md5:1", findings)
