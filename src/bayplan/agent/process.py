"""The agent's process, which takes the place of the command's, so that it does not keep the command line's memory.

The command line's library takes 17 MB for as long as the process lives, which is months. `python -m bayplan.agent.process`
gets its options as one JSON text; no secret is in it.
"""

import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from bayplan.agent.agent_lock import locked
from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.heartbeat import Agent, JoinedAgain
from bayplan.agent.prefetch import Prefetcher
from bayplan.agent.scanner import CHECK_SECONDS, SPREAD_SECONDS, Scanner
from bayplan.domain.backoff import Backoff
from bayplan.errors import BayplanError, fault_sentence

NAME = "bayplan.agent.process"  # `__name__` is "__main__" in that process
LONGEST_RETRY_SECONDS = 300.0
FAULT = 70  # EX_SOFTWARE of sysexits.h


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How the agent runs; `prefetch_seconds` is None where it does not prefetch."""

    state: str
    heartbeat_seconds: float
    probe_seconds: float
    prefetch_seconds: float | None
    budget_bytes: int | None
    free_bytes: int
    free_share: float
    engine: str | None
    first_retry_seconds: float = 2.0
    stall_seconds: float = 120.0
    scans: bool = True
    scan_spread_seconds: float = SPREAD_SECONDS
    scan_check_seconds: float = CHECK_SECONDS
    shows_traceback: bool = False


def become(options: AgentOptions) -> NoReturn:
    """Runs the agent in the place of this process, under the same process id."""
    os.execv(sys.executable, command(options))  # noqa: S606  # ourselves


def command(options: AgentOptions) -> list[str]:
    """Gives the command that runs the agent."""
    return [sys.executable, "-P", "-m", NAME, json.dumps(asdict(options))]


def run(options: AgentOptions) -> None:
    """Runs the agent in this process until a signal ends it; raises as `Agent.run` does."""
    # Safe at any moment: files are written whole, and the server handles a request wholly or not at all.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    path = Path(options.state)
    retry = Backoff(options.first_retry_seconds, LONGEST_RETRY_SECONDS)
    limits = DiskLimits(options.budget_bytes, options.free_bytes, options.free_share)
    prefetcher = scanner = None
    if options.scans:
        scanner = Scanner(path, limits, options.engine, _log, options.scan_spread_seconds, options.scan_check_seconds)
    if options.prefetch_seconds is not None:
        prefetcher = Prefetcher(
            path,
            limits,
            options.prefetch_seconds,
            options.engine,
            options.stall_seconds,
            options.heartbeat_seconds,
            retry,
            _log,
            None if scanner is None else scanner.queue,
        )
    try:
        with locked(path):
            Agent(path, options.heartbeat_seconds, options.probe_seconds, retry, _log, prefetcher, scanner).run()
    except JoinedAgain:
        become(options)


def _log(text: str) -> None:
    with contextlib.suppress(OSError):  # the agent goes on where its log is full
        print(text, file=sys.stderr, flush=True)


def main(options: AgentOptions) -> None:
    """Runs the agent; what ends it is one sentence in its log."""
    try:
        run(options)
    except BayplanError as error:
        sys.exit(error.detail)
    except Exception as error:
        if options.shows_traceback:
            from traceback import print_exception

            print_exception(error)
        _log(f"{fault_sentence(error)} BAYPLAN_TRACEBACK=1 shows more.")
        sys.exit(FAULT)


if __name__ == "__main__":
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a real text stream here
    main(AgentOptions(**json.loads(sys.argv[1])))
