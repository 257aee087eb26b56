"""A real Docker engine for the tests: dockerd over a folder of its own, which touches no network and nothing of the machine's.

It needs root, as dockerd does: without, its tests are skipped. Containers that it runs have no network.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import APIClient

from tests.programs import program

PATIENCE_SECONDS = 30.0
HOOK = """#!/bin/sh
# In the place of NVIDIA's: dockerd has it run before a container starts for which GPUs were asked, with its bundle on the input.
bundle=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
grep -o 'NVIDIA_VISIBLE_DEVICES=[^"]*' "$bundle/config.json" >> "$(dirname "$0")/asked"
"""
CONDITION_HOOK = """#!/bin/sh
echo "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.9, please update your driver" >&2
exit 1
"""


@dataclass(frozen=True)
class Dockerd:
    """A running engine."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    data_root: Path

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"unix://{self.folder}/socket"

    @property
    def gpus_asked_for(self) -> list[str]:
        """What the NVIDIA runtime was asked for, by container."""
        asked = self.folder / "programs" / "asked"
        return asked.read_text().split() if asked.exists() else []

    @property
    def log(self) -> str:
        """Its log so far."""
        return (self.folder / "log").read_text(errors="replace")

    @contextlib.contextmanager
    def api(self) -> Iterator[APIClient]:
        """The SDK's client, for looking at it from outside."""
        api = APIClient(base_url=self.address, version="auto")
        try:
            yield api
        finally:
            api.close()

    def everything(self) -> tuple[set[str], set[str], set[str]]:
        """All images by their references, all containers, and all layers on its disk."""
        with self.api() as api:
            images = {name for image in api.images(all=True) for name in (image["RepoDigests"] or [image["Id"]])}
            containers = {str(container["Id"]) for container in api.containers(all=True)}
        layers = {folder.name for folder in (self.data_root / "image" / "overlay2" / "layerdb" / "sha256").glob("*")}
        return images, containers, layers


@contextlib.contextmanager
def running_engine(*, hook: str | None = HOOK, disk_megabytes: int | None = None) -> Iterator[Dockerd]:
    """A fresh engine for as long as the block lasts.

    It has a GPU runtime that runs `hook`, none where that is None, and a disk of its own where `disk_megabytes` says how large.
    """
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    dockerd = program("dockerd")
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))  # a socket's path is to be short
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        data_root, programs = folder / "data", folder / "programs"
        data_root.mkdir()
        programs.mkdir()
        if hook is not None:
            (programs / "nvidia-container-runtime-hook").write_text(hook)
            (programs / "nvidia-container-runtime-hook").chmod(0o755)
        if disk_megabytes is not None:
            _mounted(stack, data_root, disk_megabytes)
        environment = dockerd.environment | {"PATH": f"{programs}{os.pathsep}{dockerd.environment['PATH']}"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    dockerd.path,
                    *("--host", f"unix://{folder}/socket"),
                    *("--data-root", data_root),
                    *("--exec-root", folder / "exec"),
                    *("--pidfile", folder / "pid"),
                    *("--config-file", _settings(folder)),
                    *(
                        "--iptables=false",
                        "--ip6tables=false",
                        "--ip-forward=false",
                        "--ip-masq=false",
                        "--bridge=none",
                    ),
                    *("--storage-driver=overlay2", "--oom-score-adjust", "0"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment | {"HOME": str(folder)},
            )
        stack.callback(unmounted, folder)
        stack.callback(end, process, folder)
        engine = Dockerd(process, folder, data_root)
        _wait_until_ready(engine)
        yield engine


def _settings(folder: Path) -> Path:
    path = folder / "daemon.json"  # not the machine's own
    path.write_text("{}")
    return path


def _mounted(stack: contextlib.ExitStack, folder: Path, megabytes: int) -> None:
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    stack.callback(lambda: subprocess.run(["umount", "--lazy", str(folder)], capture_output=True))


def _wait_until_ready(engine: Dockerd) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "API listen on" not in engine.log:
        if engine.process.poll() is not None:
            pytest.skip(f"dockerd cannot run here: {engine.log.strip().splitlines()[-1]}")
        assert time.monotonic() < deadline, engine.log
        time.sleep(0.02)


def end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Ends an engine that was started over a folder, and what one that a test has killed leaves running."""
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE_SECONDS)
    for pid in _started_in(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def unmounted(folder: Path) -> None:
    """Unmounts everything below a folder."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], capture_output=True)


def _started_in(folder: Path) -> list[int]:
    """The processes that have the folder on their command line, and their children."""
    pids, parents = [], {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if str(folder).encode() in (place / "cmdline").read_bytes():
                pids.append(int(place.name))
    return pids + [pid for pid, parent in parents.items() if parent in pids]
