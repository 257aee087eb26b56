"""Several server processes on one listening socket: starts them, restarts those that die, and ends them together.

The processes are forked from a process that has only imported modules, so they inherit no thread, connection or event loop.
It waits for signals and for their ends, and serves nothing itself.
"""

import gc
import logging
import os
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from bayplan.domain.backoff import Backoff
from bayplan.errors import BayplanError

_log = logging.getLogger("bayplan")

STEADY_SECONDS = 10.0
"""A process that lived this long is restarted at once; the restart of others waits longer each time."""
RESTART = Backoff(first_seconds=1.0, longest_seconds=30.0)
STOP_SECONDS = 30.0
"""How long processes may take to finish their requests; then they are killed."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

Serve = Callable[[int, int], None]
"""Serves as the process of the given number, until a signal or the end of the file (a descriptor) stops it."""


def run_once(work: Callable[[], None]) -> None:
    """Runs the work in a process of its own, so that its imports do not stay in this one; exits with its status where it fails."""
    pid = os.fork()
    if pid == 0:
        work()  # an exception shows its traceback, and ends that process
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(code if code > 0 else 128 - code)


@dataclass(slots=True)
class _Process:
    """A place among the server processes, and its current process."""

    number: int
    pid: int | None = None
    begun: float = 0.0
    failures: int = 0
    start_at: float = 0.0


class Supervisor:
    """Keeps `processes` of them alive until a signal ends all."""

    def __init__(self, serve: Serve, listener: socket.socket, processes: int) -> None:
        self._serve = serve
        self._listener = listener
        self._processes = [_Process(number) for number in range(1, processes + 1)]
        self._is_stopping = False
        self._woken, self._waker = os.pipe()
        # A pipe: its end of file tells the processes that the supervisor is gone, for whatever reason.
        self._lifeline, self._held = os.pipe()
        for end in (self._woken, self._waker):
            os.set_blocking(end, False)

    def run(self, greeting: str) -> None:
        """Starts the processes, prints the greeting, and returns once all have ended after SIGTERM or SIGINT."""
        gc.collect()
        gc.freeze()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._waker)
        self._start_all_due()
        print(greeting, flush=True)
        while not self._is_stopping:
            self._wait()
            self._reap()
            self._start_all_due()
        self._end_all()

    def _stop(self, _number: int, _frame: object) -> None:
        self._is_stopping = True

    def _wait(self, most_seconds: float | None = None) -> None:
        """Waits for a signal, or until a process is to be started."""
        due = [process.start_at for process in self._processes if process.pid is None]
        if most_seconds is None and due:
            most_seconds = max(0.0, min(due) - time.monotonic())
        if select.select([self._woken], [], [], most_seconds)[0]:
            os.read(self._woken, 4096)

    def _start_all_due(self) -> None:
        for process in self._processes:
            if process.pid is None and process.start_at <= time.monotonic() and not self._is_stopping:
                self._start(process)

    def _start(self, process: _Process) -> None:
        process.begun = time.monotonic()
        # The new process must get no signal while it still has this one's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._run_process(process.number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        process.pid = pid
        _log.info("Process %d has pid %d", process.number, pid)

    def _run_process(self, number: int) -> NoReturn:
        """Runs a server process to its end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for name in _SIGNALS:
                signal.signal(name, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for end in (self._woken, self._waker, self._held):
                os.close(end)
            self._serve(number, self._lifeline)
            code = 0
        except BayplanError as error:
            _log.error("%s", error.detail)  # a sentence for people, without a traceback
        except BaseException:
            _log.exception("The process failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        """Records the processes that have ended, and the time of their restart."""
        for process in self._processes:
            if process.pid is None or (ended := os.waitpid(process.pid, os.WNOHANG))[0] == 0:
                continue
            process.pid, lived = None, time.monotonic() - process.begun
            if self._is_stopping:
                continue
            process.failures = 0 if lived >= STEADY_SECONDS else process.failures + 1
            wait = 0.0
            if process.failures:
                wait = RESTART.wait_seconds(process.failures, random.random())  # noqa: S311  # jitter, no secret
            process.start_at = time.monotonic() + wait
            how = _exit_description(os.waitstatus_to_exitcode(ended[1]))
            _log.warning("Process %d %s; the server starts it again in %.1f s", process.number, how, wait)

    def _end_all(self) -> None:
        self._listener.close()  # new connections are refused, not left waiting
        deadline = time.monotonic() + STOP_SECONDS
        self._signal_all(signal.SIGTERM)
        while any(process.pid for process in self._processes) and time.monotonic() < deadline:
            self._reap()
            if any(process.pid for process in self._processes):
                self._wait(max(0.0, deadline - time.monotonic()))
        for process in self._processes:
            if process.pid is not None:
                _log.warning(
                    "Process %d did not end within %d s, and the server kills it", process.number, STOP_SECONDS
                )
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.pid is not None:
                os.kill(process.pid, number)


def _exit_description(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
