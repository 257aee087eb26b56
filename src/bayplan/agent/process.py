"""The process that a running worker is: in the place of the command that was typed, without what reading that took.

The command line's library takes 17 MB for as long as the process lives, which is months. `python -m bayplan.agent.process` is given
all that was typed as one JSON text; no secret is in it.
"""

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from bayplan.agent.disk_budget import DiskLimits
from bayplan.agent.heartbeat import Agent, JoinedAgain
from bayplan.agent.prefetch import Prefetcher
from bayplan.domain.backoff import Backoff
from bayplan.errors import BayplanError

LONGEST_RETRY_SECONDS = 300.0
NAME = "bayplan.agent.process"  # `__name__` is another while this is what runs


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How a worker is to run; `prefetch_every_seconds` is None where it holds no images."""

    state: str
    interval_seconds: int
    look_seconds: int
    prefetch_every_seconds: int | None
    budget_bytes: int | None
    free_bytes: int
    free_share: float
    engine: str | None
    first_retry_seconds: float = 2.0


def become(orders: AgentOptions) -> NoReturn:
    """Runs the worker in the place of this process, under the same process id."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", NAME, json.dumps(asdict(orders))])  # noqa: S606  # ourselves


def run(orders: AgentOptions) -> None:
    """Runs the worker in this process until a signal ends it; raises as `Worker.run` does."""
    # Wherever it is: whatever is kept is kept whole, and what the server was told it has done or not.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    path = Path(orders.state)
    retry = Backoff(orders.first_retry_seconds, LONGEST_RETRY_SECONDS)
    prefetcher = None
    if orders.prefetch_every_seconds is not None:
        limits = DiskLimits(orders.budget_bytes, orders.free_bytes, orders.free_share)
        prefetcher = Prefetcher(path, limits, orders.prefetch_every_seconds, orders.engine, retry, _say)
    try:
        Agent(path, orders.interval_seconds, orders.look_seconds, _say, retry, prefetcher).run()
    except JoinedAgain:
        become(orders)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a real text stream here
    try:
        run(AgentOptions(**json.loads(sys.argv[1])))
    except BayplanError as error:
        sys.exit(error.detail)
