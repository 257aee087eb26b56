"""The agent's main loop: sends heartbeats for its nodes and reports changes of the hardware, through failures of the server.

The loop has one thread and one connection; prefetching and scanning have their own. Waits have jitter, so that a fleet that starts at
once does not send at once; while the server is away they double up to five minutes. Only a refused credential ends the run.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bayplan.agent import credential, membership
from bayplan.agent.credential import AgentState
from bayplan.agent.report import differences
from bayplan.client import Client
from bayplan.domain.backoff import Backoff, spread
from bayplan.errors import BayplanError, Invalid, Malformed, TooManyAttempts, Unauthenticated

if TYPE_CHECKING:
    from bayplan.agent.prefetch import Prefetcher
    from bayplan.agent.scanner import Scanner

JITTER = 0.2  # of the time from one heartbeat to the next
JOINING_SECONDS, JOINING_PAUSE_SECONDS = 3.0, 0.1
"""How long a new credential is waited for: joining ends the old one before it has written the new one to its file."""


class JoinedAgain(Exception):  # nothing went wrong
    """The machine has another credential now."""


@dataclass(slots=True)
class Agent:
    """The agent of a machine; it runs until a signal or a refused credential ends it."""

    path: Path
    heartbeat_seconds: float
    probe_seconds: float
    retry: Backoff
    log: Callable[[str], None]
    prefetcher: "Prefetcher | None" = None
    scanner: "Scanner | None" = None
    _failures: int = 0
    # The last error of the server, and of a report: each is logged once, not at every try.
    _last_error: str | None = None
    _last_report_error: str | None = None
    _probed_at: float | None = None  # on the monotonic clock
    _reports_all: bool = False  # whether or not anything has changed
    _state: AgentState = field(init=False)

    def run(self) -> None:
        """Runs the loop; raises `Unauthenticated` when the worker was revoked, `NotFound` where the machine has not joined, or has left.

        Raises `JoinedAgain` where it has to start again with the new credential.
        """
        self._state = credential.read(self.path)
        nodes = len(self._state.nodes)
        self.log(f"{self._state.worker} runs for {self._state.server}, with {nodes} node{'' if nodes == 1 else 's'}.")
        with membership.connect(self._state) as client:
            threads = [thread for thread in (self.prefetcher, self.scanner) if thread is not None]
            try:
                for thread in threads:
                    thread.start(self._state)
                self._send_heartbeats(client)
            finally:
                for thread in threads:
                    thread.stop()

    def _send_heartbeats(self, client: Client) -> NoReturn:
        while True:
            time.sleep(self._send_heartbeat(client))

    def _send_heartbeat(self, client: Client) -> float:
        """Reports changes and sends a heartbeat for each node; gives the seconds until the next."""
        try:
            self._report_changes(client)
            for node in self._state.nodes:
                client.nodes.ping(node)
        except Unauthenticated as error:
            if self._has_joined_again():
                self.log("This machine has joined again: the agent goes on with the new credential.")
                raise JoinedAgain from None
            raise Unauthenticated(
                f"{self._state.server} does not know the worker {self._state.worker} any more: it was revoked, or joined again "
                "elsewhere. Run `bayplan worker join` with a new token.",
                code=error.code,
            ) from None
        except Malformed as error:
            if error.code != "unknown_node":
                return self._seconds_after_failure(error)
            self.log("A node of this machine is not in the catalogue any more: the agent reports the machine anew.")
            self._probed_at, self._reports_all = None, True
            return self._seconds_after_failure(error)
        except TooManyAttempts as error:
            self._seconds_after_failure(error)
            return float(error.retry_after_seconds)
        except BayplanError as error:
            return self._seconds_after_failure(error)
        if self._failures:
            self.log(f"{self._state.server} answers again.")
        self._failures, self._last_error = 0, None
        return spread(self.heartbeat_seconds, JITTER, random.random())  # noqa: S311  # spreads load, guards nothing

    def _has_joined_again(self) -> bool:
        """Whether the file has another credential, now or within a moment; raises `NotFound` where the machine has left."""
        deadline = time.monotonic() + JOINING_SECONDS
        while credential.read(self.path).is_of(self._state):
            if time.monotonic() > deadline:
                return False
            time.sleep(JOINING_PAUSE_SECONDS)
        return True

    def _report_changes(self, client: Client) -> None:
        """Probes the hardware where that is due, and reports what has changed."""
        now = time.monotonic()
        if self._probed_at is not None and now - self._probed_at < self.probe_seconds:
            return
        try:
            current = membership.current(self._state)
            changes = ["everything"] if self._reports_all else differences(self._state.reported, current.body)
            if changes:
                self._state = membership.report_to(client, self.path, self._state, current)
                self.log(f"Reported: {', '.join(changes)}.")
            elif current.devices != self._state.devices:
                self._state = membership.remember(self.path, self._state, current)
        except Invalid as error:  # there is no route, or the server refuses the report: heartbeats go on
            if error.detail != self._last_report_error:
                self.log(f"The machine cannot be reported, so the last report stays. {error.detail}")
            self._probed_at, self._last_report_error = now, error.detail
            return
        self._probed_at, self._reports_all, self._last_report_error = now, False, None

    def _seconds_after_failure(self, error: BayplanError) -> float:
        self._failures += 1
        if error.detail != self._last_error:
            self.log(f"{error.detail} The agent tries again until it works.")
        self._last_error = error.detail
        return self.retry.wait_seconds(self._failures, random.random())  # noqa: S311  # spreads load, guards nothing
