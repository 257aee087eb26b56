"""Containers of `bayplan worker pull --run` whose command is gone, and what watched over them with it: removed by the next command.

A label of each container names its command's process as the kernel knows it, so that only a command that cannot be alive any more
loses its container: a process of this boot, this PID namespace and a visible user, or a container that an earlier boot left stopped.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bayplan.agent.engine import Engine
from bayplan.agent.engine_errors import EngineFailed

LABEL = "bayplan.command"
_TEXT = re.compile(r"boot=(\S+) pid-namespace=(\d+) uid=(\d+) pid=(\d+) started=(\d+)")
_START_TIME = 19  # the field of /proc/PID/stat, counted after the command's name


@dataclass(frozen=True, slots=True)
class CommandProcess:
    """A process of a machine: its boot, its PID namespace, its user, its number, and when it started, in ticks after the boot."""

    boot: str
    pid_namespace: int
    uid: int
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """Gives this process; raises `OSError` where the kernel does not tell."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        return cls(boot, namespace, os.getuid(), os.getpid(), _started(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Reads a label, None for one that is none of ours."""
        match = _TEXT.fullmatch(text)
        return None if match is None else cls(match[1], *(int(number) for number in match.groups()[1:]))

    def __str__(self) -> str:
        return (
            f"boot={self.boot} pid-namespace={self.pid_namespace} uid={self.uid} pid={self.pid} started={self.started}"
        )

    def is_gone(self, current: "CommandProcess") -> bool:
        """Whether the process has ended, as far as `current` can see it."""
        is_visible = current.uid in (0, self.uid)  # other users may be hidden (hidepid)
        is_here = (self.boot, self.pid_namespace) == (current.boot, current.pid_namespace)
        return is_here and is_visible and _started(self.pid) != self.started


def labels() -> dict[str, str]:
    """Gives the label for a container of this process, none where the kernel does not tell who that is."""
    try:
        return {LABEL: str(CommandProcess.current())}
    except OSError:
        return {}


def remove_orphans(engine: Engine, log: Callable[[str], None]) -> None:
    """Removes the containers whose command is gone; what an engine refuses is left for the next time."""
    try:
        current = CommandProcess.current()
        for container in engine.containers_with_label(LABEL):
            command = CommandProcess.parse(str(container["Labels"][LABEL]))
            if command is not None and (
                command.is_gone(current) or _is_left_by_boot(container, command, current, engine)
            ):
                engine.remove_container(container["Id"])
                log(f"Removed the container {container['Id'][:12]}: the command that ran it was killed.")
    except (OSError, EngineFailed):
        return


def _is_left_by_boot(
    container: Mapping[str, Any], command: CommandProcess, current: CommandProcess, engine: Engine
) -> bool:
    """Whether an earlier boot of this machine, whose own engine this is, has left a container that does not run."""
    return engine.api.address.socket is not None and command.boot != current.boot and container["State"] != "running"


def _started(pid: int) -> int | None:
    """Gives when a process started, in ticks after the boot; None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(stat.rpartition(")")[2].split()[_START_TIME])
    except (OSError, LookupError, ValueError):
        return None
