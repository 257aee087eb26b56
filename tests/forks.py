"""Starts programs of bayplan as forks of a process that has loaded them (`tests/forked.py`), or anew where that matters."""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

PROGRAM = Path(sys.executable).with_name("bayplan")
ANEW = ("env",)
"""Before a command: Python starts anew, for tests of the start and of memory; some variables have the same effect."""
Command = Sequence[str | Path]
Stream = int | IO[bytes]
_lock = threading.Lock()


class Forked:
    """A process that was forked elsewhere, with what the tests use of `subprocess.Popen`."""

    def __init__(self, status: int) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = int(self._status.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; gives the exit code."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def _wait(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it with no chance to tidy up."""
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


def start(
    command: Command,
    variables: Mapping[str, str],
    streams: tuple[Stream, Stream, Stream],
    *,
    folder: Path | None = None,
    has_terminal: bool = False,
) -> Process:
    """Starts a program with these variables, input, output and errors; a terminal is the input and becomes its own.

    It runs in the folder, or where this process does.
    """
    arguments = _forkable(command) if _of_start(variables) == _AT_START else None
    if arguments is None:
        stdin, stdout, stderr = streams
        return subprocess.Popen(command, cwd=folder, env=variables, stdin=stdin, stdout=stdout, stderr=stderr)
    request = {
        "arguments": arguments,
        "variables": dict(variables),
        "folder": str(folder or Path.cwd()),
        "has_terminal": has_terminal,
    }
    status, other_end = os.pipe()
    with Path(os.devnull).open("r+b") as nothing, os.fdopen(other_end, "wb") as told:
        files = [nothing if stream == subprocess.DEVNULL else stream for stream in streams]
        _ask(json.dumps(request), [file if isinstance(file, int) else file.fileno() for file in (*files, told)])
    return Forked(status)


def run(
    command: Command, variables: Mapping[str, str], typed: str = "", timeout: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end, with that input in a pipe."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with os.fdopen(reading, "rb") as stdin:
            process = start(command, variables, (stdin, out, err))
        typing = threading.Thread(target=_type, args=(writing, typed.encode()))
        typing.start()
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            typing.join()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read().decode(), err.read().decode())


def _type(writing: int, text: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as stdin:
        stdin.write(text)


def _forkable(command: Command) -> list[str] | None:
    """The arguments by which `tests/forked.py` knows the program; None for a command that has to start anew."""
    first, *others = map(str, command)
    if first == str(PROGRAM):
        return ["bayplan", *others]
    if [first, *others[:1]] == [sys.executable, "-P"]:
        return others[1:]
    return None


def _of_start(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that the linker and Python read once, at the start of a process."""
    return {name: value for name, value in variables.items() if name.startswith(("LD_", "PYTHON"))}


_AT_START = _of_start(os.environ)


def _ask(request: str, files: list[int]) -> None:
    channel = _channel()
    line = f"{request}\n".encode()
    with _lock:
        sent = socket.send_fds(channel, [line], files)
        channel.sendall(line[sent:])


@cache
def _channel() -> socket.socket:
    """Starts the process that forks; it ends with this one."""
    ours, other = socket.socketpair()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BAYPLAN_")}
    process = subprocess.Popen(
        [sys.executable, "-P", Path(__file__).with_name("forked.py"), str(other.fileno())],
        env=kept | {"LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        pass_fds=[other.fileno()],
    )
    other.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
