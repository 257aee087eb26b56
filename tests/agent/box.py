"""A machine for the agent: a home folder, and a small program in the place of nvidia-smi that shows the GPUs of the test.

The agent runs as it does on a real machine: as a process of its own, with that program on its PATH.
"""

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bayplan.agent import machine_facts, membership, probe
from bayplan.agent import process as agent_process
from bayplan.agent.credential import AgentState, read
from bayplan.agent.hardware import Gpus, Machine
from bayplan.agent.process import AgentOptions
from tests import forks
from tests.agent.documents import Card, capabilities, log
from tests.forks import Command, Process
from tests.process import PATIENCE_SECONDS, PROGRAM, environment

SMI = """#!/bin/sh
here=$(dirname "$0")
if [ -f "$here/failure" ]; then cat "$here/failure"; exit 9; fi
code=$(cat "$here/code" 2>/dev/null || echo 0)
case "$1" in
-q) cat "$here/log.xml"; exit "$code" ;;
-L) cat "$here/list"; exit "$code" ;;
--query-gpu=index,compute_cap)
    if [ -f "$here/capabilities" ]; then cat "$here/capabilities"; exit "$code"; fi
    echo 'Field "compute_cap" is not a valid field to query.'
    exit 2 ;;
*) echo "Invalid combination of input arguments." >&2; exit 1 ;;
esac
"""


def has_nvml() -> bool:
    """Whether this machine has NVML of its own, which the probe asks before anything that a test puts in its place."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Running:
    """The running agent, and where its log goes."""

    process: Process
    log: Path

    @property
    def output(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8")

    def until_printed(self, text: str) -> None:
        """Waits until its log has that text."""
        until(lambda: text in self.output, lambda: f"{text!r} in: {self.output}")


def until(true: Callable[[], bool], what: Callable[[], str]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"never: {what()}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Box:
    """The machine."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Where its worker keeps its credential."""
        return self.folder / "kept" / "worker.json"

    @property
    def kept(self) -> AgentState:
        """What it keeps."""
        return read(self.state)

    @property
    def _programs(self) -> Path:
        return self.folder / "programs"

    def has(self, driver: str, *cards: Card, tells_capabilities: bool = True) -> None:
        """Gives the machine these GPUs; the program prints nothing half written."""
        self._programs.mkdir(parents=True, exist_ok=True)
        program = self._programs / "nvidia-smi"
        program.write_text(SMI)
        program.chmod(0o755)
        if tells_capabilities:
            (self._programs / "capabilities").write_text(capabilities(*cards))
        new = self._programs / "log.xml.new"
        new.write_text(log(driver, *cards))
        new.replace(self._programs / "log.xml")

    def prints(self, *, replaced: tuple[str, str] = ("", ""), after: str = "", code: int = 0) -> None:
        """Changes nvidia-smi's document: the first occurrence of a text in it, what follows it, and the exit code."""
        log = self._programs / "log.xml"
        log.write_text(log.read_text().replace(*replaced, 1) + after)
        (self._programs / "code").write_text(str(code))

    def slices(self, *slices: tuple[int, str, str, str]) -> None:
        """Slices the first GPU: for each slice its GPU instance, its profile, its memory and its UUID."""
        devices = "".join(
            f"<mig_device><index>{number}</index><gpu_instance_id>{instance}</gpu_instance_id>"
            f"<compute_instance_id>0</compute_instance_id>"
            f"<fb_memory_usage><total>{memory}</total></fb_memory_usage></mig_device>"
            for number, (instance, _, memory, _) in enumerate(slices)
        )
        self.prints(replaced=("<current_mig>N/A<", "<current_mig>Enabled<"))
        self.prints(replaced=("\t\t\tNone\n", devices))
        lines = [
            f"  MIG {profile}     Device  {number}: (UUID: {uuid})\n"
            for number, (_, profile, _, uuid) in enumerate(slices)
        ]
        (self._programs / "list").write_text("GPU 0: NVIDIA (UUID: GPU-0)\n" + "".join(lines))

    def fails(self, sentence: str | None) -> None:
        """Makes nvidia-smi fail with that sentence, or work again."""
        if sentence is None:
            (self._programs / "failure").unlink()
        else:
            (self._programs / "failure").write_text(sentence)

    def join(self, server: str, token: str, ip: str, *, without_gpu: bool = False) -> None:
        """Joins in this process, as `bayplan worker join` does in one of its own."""

        def machine(*, without_gpu: bool) -> Machine:
            gpus = Gpus() if without_gpu else probe.from_smi(str(self._programs / "nvidia-smi"))
            facts, _ = machine_facts.read(Path("/"), gpus)
            return replace(probe.machine(without_gpu=True), gpus=gpus, facts=facts)

        membership.join(self.state, server, token, ip=ip, without_gpu=without_gpu, read_machine=machine)

    def environment(self) -> dict[str, str]:
        """The variables that its commands run with."""
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        own = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config"), "COLUMNS": "200", "PATH": path}
        return environment({"worker_state": str(self.state)}) | own | dict(self.variables)

    def run(self, *arguments: str, typed: str = "", code: int = 0, variables: Mapping[str, str] | None = None) -> Ended:
        """Runs `bayplan worker ...`; it must end with that exit code, and never with a traceback."""
        done = forks.run([PROGRAM, "worker", *arguments], self.environment() | dict(variables or {}), typed)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return Ended(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def pulling(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """`bayplan worker pull`, going on while the block does."""
        process = subprocess.Popen(
            [PROGRAM, "worker", "pull", *options],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def running(self, *, before: Command = (), **options: Any) -> AbstractContextManager[Running]:
        """The agent as `bayplan worker run` becomes it, some times a second, until the block ends."""
        quick: dict[str, Any] = {
            "state": str(self.state),
            "heartbeat_seconds": 0.2,
            "probe_seconds": 0.5,
            "prefetch_seconds": None,
            "budget_bytes": None,
            "free_bytes": 0,
            "free_share": 0.0,
            "engine": None,
            "first_retry_seconds": 0.2,
        }
        return self._running([*before, *agent_process.command(AgentOptions(**{**quick, **options}))])

    def running_command(self, *options: str) -> AbstractContextManager[Running]:
        """`bayplan worker run`, every second, until the block ends."""
        return self._running([PROGRAM, "worker", "run", "--interval", "1s", "--look", "1s", *options])

    @contextmanager
    def _running(self, command: Command) -> Iterator[Running]:
        log = self.folder / f"log-{time.monotonic_ns()}"
        with log.open("wb") as out:
            process = forks.start(command, self.environment(), (subprocess.DEVNULL, out, out))
        try:
            yield Running(process, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE_SECONDS)
        assert "Traceback" not in log.read_text(encoding="utf-8")
