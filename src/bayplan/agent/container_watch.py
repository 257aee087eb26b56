"""Removes the container of `bayplan worker pull --run` when that command is killed: a process that outlives it by a moment.

Nothing else does that: an engine lets a container run that nobody is attached to, and removes by itself only what has ended. The
command holds the other end of this process's input, and the kernel closes it with the command. The process has a session of its own,
so that signals for the command, its terminal or its group are not for it. It loads the engine's SDK only where it removes something.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayplan.agent.engine_address import EngineAddress

NAME = "bayplan.agent.container_watch"  # `__name__` is "__main__" in that process
DONE = b"done\n"
RETRY_SECONDS = 60.0
"""How long an engine that does not answer is tried."""
CREATION_SECONDS = 5.0
"""How long a container may take to be there that the engine was asked for just before the command was killed."""
PAUSE_SECONDS = 0.2


class ContainerWatch:
    """Has the container of that name removed when this process ends before `end` is called; raises `OSError`."""

    def __init__(self, address: EngineAddress, container: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-P", "-m", NAME],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._write(json.dumps({"container": container, "address": address.as_json()}).encode() + b"\n")

    def end(self) -> None:
        """Ends the watch: the container is removed."""
        self._write(DONE)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # somebody has killed it
            self._process.stdin.write(line)
            self._process.stdin.flush()


def main(pipe: IO[bytes]) -> None:
    """Waits for the end of the command that has the other end of the pipe; removes its container unless it says that it did."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    first = pipe.readline()
    if first and pipe.readline() != DONE:
        task = json.loads(first)
        remove(task["address"], task["container"])


def remove(content: dict[str, Any], container: str) -> None:
    """Removes a container, running or not, as soon as the engine answers and has it; gives up after a while."""
    from docker.errors import DockerException, NotFound

    from bayplan.agent import docker_config
    from bayplan.agent.engine_address import EngineAddress
    from bayplan.agent.engine_client import EngineClient, translating_errors
    from bayplan.agent.engine_errors import EngineFailed

    address, began = EngineAddress.of_json(content), time.monotonic()
    while time.monotonic() - began < RETRY_SECONDS:
        with suppress(EngineFailed), translating_errors(address.text, EngineFailed):  # it is tried again
            api = EngineClient(address, docker_config.load())
            try:
                with suppress(DockerException):  # Podman would give it ten seconds to end by itself
                    api.kill(container, signal.SIGKILL)
                api.remove_container(container, force=True, v=True)
                return
            except NotFound:
                if time.monotonic() - began > CREATION_SECONDS:
                    return
            finally:
                api.close()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.stdin.buffer)
