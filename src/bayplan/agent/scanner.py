"""Scans the images that were pulled here, one after the other, in a thread of its own and each in a process of its own.

The server is asked first: one scan for each digest is enough for a whole fleet (until a later release reads more), so each waits a random
time before it begins. Heartbeats and pulls wait for no scan. The child process is ended with the agent.
"""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayplan.agent import membership
from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.scan_queue import QueuedScan, ScanQueue, ScanState
from bayplan.client import Client
from bayplan.domain.backoff import Backoff
from bayplan.errors import BayplanError, Forbidden, NotFound, Unauthenticated

if TYPE_CHECKING:
    from bayplan.agent.credential import AgentState

SPREAD_SECONDS = 600.0  # within which the machines that pulled an image at once begin
CHECK_SECONDS = 5.0
MOST_SCAN_SECONDS = 3 * 3_600.0
STOP_SECONDS = 2.0
RETRY = Backoff(600.0, 86_400.0)
_MOST_LINE_CHARACTERS = 16 << 20


@dataclass(slots=True)
class Scanner:
    """Scanning for one run of the agent. `engine`: the engine's address, None for the machine's own."""

    path: Path
    limits: DiskLimits
    engine: str | None
    log: Callable[[str], None]
    spread_seconds: float = SPREAD_SECONDS
    check_seconds: float = CHECK_SECONDS
    retry: Backoff = RETRY
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _process: subprocess.Popen[str] | None = None
    _due: dict[str, float] = field(
        default_factory=dict
    )  # when an image may be scanned, on the monotonic clock, by reference
    _failures: dict[str, int] = field(default_factory=dict)

    @property
    def queue(self) -> ScanQueue:
        """The images to scan."""
        return ScanQueue.beside(self.path)

    def start(self, state: AgentState) -> None:
        """Starts the thread, which does not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, args=(state,), name="scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread, and ends a scan that is in progress; it begins anew when the agent runs again."""
        self._stop.set()
        self._end_process()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self, state: AgentState) -> None:
        with membership.connect(state) as client:
            while not self._stop.wait(self.check_seconds):
                try:
                    for entry in self.queue.entries():
                        if self._is_due(entry):
                            self._scan(client, entry)
                except Unauthenticated:
                    return  # heartbeats are refused as well, and log it
                except _NoScans:
                    self.log(f"{state.server} is older than scans: no image is scanned.")
                    return
                except Exception as error:  # heartbeats go on, and so does this
                    self.log(f"Images cannot be scanned: an error in bayplan itself ({type(error).__name__}: {error}).")
                    self._stop.wait(self.retry.wait_seconds(1, 0))

    def _is_due(self, entry: QueuedScan) -> bool:
        if entry.state == "done" or self._stop.is_set():
            return False
        now = time.monotonic()
        wait = random.random() * self.spread_seconds  # noqa: S311  # spreads load, guards nothing
        return now >= self._due.setdefault(entry.reference, now + wait)

    def _scan(self, client: Client, entry: QueuedScan) -> None:
        """Scans an image unless the server has its scan; a failure is tried again later, each time after a longer while."""
        try:
            from bayplan.scan.layer import FORMAT  # only where there is an image to scan: it takes memory

            scan = client.scans.get(entry.digest)
            if scan is not None and scan["reader"] >= FORMAT:
                return self._set(entry, "done")
            self._set(entry, "scanning")
            began = time.monotonic()
            line = self._last_line(entry)
            if self._stop.is_set():
                return self._set(entry, "waiting")
            if "report" not in line:
                return self._failed(
                    entry,
                    str(line.get("error") or "The scan ended without a result."),
                    is_final=bool(line.get("is_final")),
                )
            try:
                client.scans.report(entry.digest, line["report"])
            except (NotFound, Forbidden):
                raise _NoScans from None
        except Unauthenticated:
            raise
        except BayplanError as error:
            return self._failed(entry, error.detail, is_final=False)
        self._failures.pop(entry.reference, None)
        self._set(entry, "done")
        return self.log(f"Scanned {entry.reference} in {time.monotonic() - began:.0f} s.")

    def _failed(self, entry: QueuedScan, detail: str, *, is_final: bool) -> None:
        count = self._failures[entry.reference] = self._failures.get(entry.reference, 0) + 1
        wait = RETRY.longest_seconds if is_final else self.retry.wait_seconds(count, 0)
        self._due[entry.reference] = time.monotonic() + wait
        if entry.detail != detail:
            self.log(f"{entry.reference} is not scanned. {detail}")
        self._set(entry, "failed", detail)

    def _last_line(self, entry: QueuedScan) -> dict[str, Any]:
        """Runs the process, shows how far it is, and gives the line with its result; an empty one where it was ended."""
        from bayplan.agent.scan_process import ScanOptions, command

        options = ScanOptions(
            entry.reference, self.engine, str(self.queue.layers), self.limits.free_bytes, self.limits.free_share
        )
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            command(options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        timer = threading.Timer(MOST_SCAN_SECONDS, self._end_process)
        timer.daemon = True
        timer.start()
        last: dict[str, Any] = {}
        try:
            if self._stop.is_set():  # between the check and the start
                return last
            for line in _documents(self._process):
                if "read" in line:
                    self._set(entry, "scanning", read_bytes=int(line["read"]))
                else:
                    last = line
            return last
        finally:
            timer.cancel()
            self._end_process()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process.wait()

    def _end_process(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def _set(self, entry: QueuedScan, state: ScanState, detail: str | None = None, read_bytes: int = 0) -> None:
        with suppress(OSError):  # a full disk: it is scanned all the same
            self.queue.set(replace(entry, state=state, since=time.time(), detail=detail, read_bytes=read_bytes))


class _NoScans(Exception):  # nothing went wrong
    """The server is older than scans."""


def _documents(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    while line := process.stdout.readline(_MOST_LINE_CHARACTERS):
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document
