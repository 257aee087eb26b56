"""The real server: `bayplan serve` as a process of its own, with its output kept.

For what cannot be seen from inside: start-up and its failures, raw bytes, `kill -9`, the log. `tests/forks.py` starts it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests import forks
from tests.forks import Command, Process

PROGRAM = forks.PROGRAM
SERVE: Command = (PROGRAM, "serve", "--port", "0")
QUICK_SERVE: Command = (sys.executable, "-P", Path(__file__).with_name("quick_server.py"))
"""The same server, whose scheduler of checks keeps no test waiting."""
PATIENCE_SECONDS = 30.0
ADMIN_PASSWORD = "correct horse battery staple"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `settings` as the only `BAYPLAN_*` in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BAYPLAN_")}
    return kept | {f"BAYPLAN_{name.upper()}": value for name, value in settings.items()}


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A running `bayplan serve`."""

    process: Process
    home: Path
    out: Path
    err: Path
    port: int = 0
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that it has printed so far."""
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    def token(self, username: str = "admin", password: str = ADMIN_PASSWORD) -> str:
        """An access token; one session for each user."""
        if username not in self.tokens:
            answer = httpx2.post(
                f"{self.url}/v1/auth/obtain", json={"username": username, "password": password}, timeout=30
            )
            assert answer.status_code == 200, answer.text
            self.tokens[username] = answer.json()["access"]
        return self.tokens[username]

    def client(self, username: str = "admin") -> httpx2.Client:
        """A client that is logged in."""
        return httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token(username)}"}, timeout=30.0
        )

    def stock(self) -> None:
        """Makes the framework that `catalogue.image` names."""
        with self.client() as client:
            client.post("/v1/frameworks/create", json={"name": "PyTorch", "version": "2.4"}).raise_for_status()

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has used: what a request costs, however busy the machine is."""
        return cpu_seconds(self.process.pid)

    def kill(self) -> None:
        """Ends it with no chance to tidy up."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


def _start(home: Path, settings: Mapping[str, str], command: Command) -> Server:
    home.mkdir(parents=True, exist_ok=True)
    logs = home.with_name(home.name + "-output")
    logs.mkdir(exist_ok=True)
    out, err = logs / f"out-{time.monotonic_ns()}", logs / f"err-{time.monotonic_ns()}"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        variables = environment(
            {
                "home": str(home),
                "admin_password": ADMIN_PASSWORD,
                "log_level": "info",
                "verify_interval": "0",  # no test asks public registries
            }
            | dict(settings)
        )
        process = forks.start(command, variables, (subprocess.DEVNULL, stdout, stderr))
    return Server(process, home, out, err)


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        line = re.search(r"serves\s+http://127\.0\.0\.1:(\d+)", server.out.read_text(errors="replace"))
        if line:
            server.port = int(line.group(1))
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{server.url}/readyz", timeout=5).status_code == 200:
                    return
        time.sleep(0.02)
    raise RuntimeError(f"The server did not start:\n{server.log}")


@contextlib.contextmanager
def running_server(home: Path, *arguments: str, command: Command = SERVE, **settings: str) -> Iterator[Server]:
    """A server on a free port, over the data in `home`, with `settings` as its `BAYPLAN_*`; ended with the block."""
    server = _start(home, settings, (*command, *arguments))
    try:
        _wait_until_ready(server)
        yield server
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            try:
                server.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
