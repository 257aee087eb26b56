"""What a worker costs its machine: how long its commands take to start, and the memory of the one that runs all the time."""

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.agent.box import Box
from tests.agent.documents import A6000
from tests.process import PATIENCE_SECONDS, PROGRAM, Server

from benchmarks import content
from benchmarks.rows import Outcome, Row, Size, at_most
from benchmarks.servers import running_server

STARTS = 5
NO_ENGINE = 5  # the exit code of `bayplan worker status` where images are desired and no engine runs
_POLL_SECONDS = 0.002
_MEMORY = "print(open('/proc/self/status').read())"


@dataclass(frozen=True)
class Result:
    """Medians, in seconds; and the most memory, in megabytes. `bare` is a Python that does nothing."""

    status_seconds: float
    heartbeat_seconds: float
    bare_seconds: float
    megabytes: float
    bare_megabytes: float


def run(times: int) -> Result:
    """Joins a machine of two GPUs, starts its commands so often, alternately with a bare Python, and measures them."""
    status: list[float] = []
    heartbeat: list[float] = []
    bare: list[float] = []
    megabytes: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bayplan-bench-") as name:
        folder = Path(name)
        # The access log tells when the first heartbeat has come.
        with running_server(folder / "home", log_level="debug") as server:
            box = Box(folder)
            box.has("535.104.05", A6000, A6000)
            with server.client() as staff:
                # A rule that names an image: the worker loads what it takes to speak to an engine, and finds none.
                content.fill(staff, 1, to_find=1, cuda_version="12.2.2")
                rule = {"name": "everything", "images": {"expressions": []}}
                staff.post("/v1/prefetch/create", json=rule).raise_for_status()
                token = staff.post("/v1/nodes/join-tokens", json={}).raise_for_status().json()["token"]
            box.run("join", server.url, "--token", token)
            for _ in range(times):
                bare.append(_seconds([sys.executable, "-c", "pass"], box))
                status.append(_seconds([str(PROGRAM), "worker", "status"], box, (0, NO_ENGINE)))
                seconds, most = _until_heartbeat(server, box)
                heartbeat.append(seconds)
                megabytes.append(most)
    bare_status = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True).stdout
    return Result(median(status), median(heartbeat), median(bare), max(megabytes), _peak(bare_status))


def _seconds(command: list[str], box: Box, codes: tuple[int, ...] = (0,)) -> float:
    begin = time.perf_counter()
    done = subprocess.run(command, env=box.environment(), stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    if done.returncode not in codes:
        raise RuntimeError(f"{command[0]} ends with exit code {done.returncode}.")
    return seconds


def _until_heartbeat(server: Server, box: Box) -> tuple[float, float]:
    """Seconds until the first heartbeat of `bayplan worker run`, and its most memory in megabytes over some more."""
    before = _heartbeats(server)
    begin = time.perf_counter()
    command = [str(PROGRAM), "worker", "run", "--interval", "1s", "--look", "1s", "--prefetch-every", "1s"]
    process = subprocess.Popen(command, env=box.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first = 0.0
        while (beats := _heartbeats(server) - before) < 8:  # two GPUs: some turns, each with a look at the hardware
            if beats and not first:
                first = time.perf_counter() - begin
            if process.poll() is not None or time.perf_counter() - begin > PATIENCE_SECONDS:
                raise RuntimeError("The worker does not run.")
            time.sleep(_POLL_SECONDS if not first else 0.1)
        return first, _peak(Path(f"/proc/{process.pid}/status").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def _heartbeats(server: Server) -> int:
    return server.log.count("GET /v1/nodes/ping")


def _peak(status: str) -> float:
    """The most resident memory in a /proc/PID/status, in megabytes."""
    found = re.search(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


@contextlib.contextmanager
def agent(size: Size, _folder: Path) -> Iterator[Result]:
    """The measurements of one run."""
    yield run(size.samples_of(STARTS))


def status(result: Result) -> Outcome:
    """The median time of `bayplan worker status`."""
    floor = f"{result.bare_seconds:.2f} s, `python -c pass`"
    return Outcome(result.status_seconds, f"{result.status_seconds:.2f} s", floor)


def heartbeat(result: Result) -> Outcome:
    """The median time from the start of the agent to its first heartbeat."""
    floor = f"{result.bare_seconds:.2f} s, `python -c pass`"
    return Outcome(result.heartbeat_seconds, f"{result.heartbeat_seconds:.2f} s", floor)


def memory(result: Result) -> Outcome:
    """The most memory that the agent held."""
    return Outcome(result.megabytes, f"{result.megabytes:.0f} MB", f"{result.bare_megabytes:.0f} MB, `python -c pass`")


ROWS = (
    Row("agent-status", "agent: `bayplan worker status`", "0.41 s", at_most(0.3, "{:g} s"), status),
    Row("agent-start", "agent: `bayplan worker run`, until its first heartbeat", "0.42 s", None, heartbeat),
    Row("agent-memory", "agent: memory of `bayplan worker run`, at most", "44 MB", at_most(40, "{:g} MB"), memory),
)
