"""The hardware probe in a process of its own, and what else the agent asks of its machine before it reports.

`probe` is that process. Nothing of a driver is loaded here.
"""

import json
import socket
import subprocess
import sys
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bayplan.agent.hardware import Machine, machine_of
from bayplan.errors import BayplanError, Invalid

_MODULE = "bayplan.agent.probe"
_LIMIT_SECONDS = 180.0
# Processes of probes that were killed and have not ended: one that waits in a driver that hangs cannot be killed, nor waited for.
_hanging: list["subprocess.Popen[str]"] = []


class CannotProbe(BayplanError):
    """There is, or may be, a GPU, and neither NVML nor nvidia-smi can read it."""

    code = "cannot_probe"


class RunningProbe:
    """`probe.machine` in a process of its own, from its start on; the end of a `with` block ends it.

    A process that has loaded a driver's library keeps it when the driver is replaced, and the agent runs for months. The 17 MB of
    the bindings are freed with that process too, and a library that crashes or hangs takes only that with it.
    """

    def __init__(self, *, without_gpu: bool) -> None:
        """Starts the process; raises `CannotProbe` where an earlier one hangs."""
        # -P: no module of the folder that it is run in
        command = [sys.executable, "-P", "-m", _MODULE, "--partial", *(["--no-gpu"] if without_gpu else [])]
        _hanging[:] = [process for process in _hanging if process.poll() is None]
        if _hanging:
            raise CannotProbe("The driver has not answered the last probe yet.")
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.returncode is None and self._process not in _hanging:
            self._kill()

    def _kill(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        _hanging.append(self._process)

    def machine(self, *, limit_seconds: float = _LIMIT_SECONDS) -> Machine:
        """Waits for the machine; raises `CannotProbe`."""
        try:
            output, errors = self._process.communicate(timeout=limit_seconds)
        except BaseException as error:
            self._kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise CannotProbe(f"The driver did not answer within {limit_seconds:g} seconds.") from None
            raise
        if self._process.returncode != 0:
            ended = f"The probe of the hardware ended with exit code {self._process.returncode}."
            raise CannotProbe(errors.strip().rpartition("\n")[2] or ended)
        try:
            return machine_of(json.loads(output))
        except (LookupError, TypeError, ValueError):
            raise CannotProbe("The probe of the hardware ended without a result.") from None


def machine_in_new_process(*, without_gpu: bool, limit_seconds: float = _LIMIT_SECONDS) -> Machine:
    """Gives the result of `probe.machine` in a process of its own; raises `CannotProbe`."""
    return RunningProbe(without_gpu=without_gpu).machine(limit_seconds=limit_seconds)


def address_towards(server: str) -> str:
    """Gives the source address of this machine's packets to the server; raises `Invalid` where there is no route."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.connect(target)  # sends nothing, but chooses the route
            address: str = datagrams.getsockname()[0]
    except OSError as error:
        raise Invalid(f"This machine cannot reach {server} ({error.strerror or error}): check the address.") from None
    return address.partition("%")[0]
