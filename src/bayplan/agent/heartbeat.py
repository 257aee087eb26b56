"""The worker as a service: says that its nodes are alive, and what has changed; goes on whatever happens to the server.

One thread and one connection; prefetching has its own. Waiting times have jitter, so that a fleet that was started at once does not
ask at once; while the server is away they double up to five minutes. Only a credential that is refused ends the run.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bayplan.agent import credential, membership
from bayplan.agent.credential import AgentState
from bayplan.agent.probe import CannotProbe
from bayplan.agent.report import differences
from bayplan.client import Client
from bayplan.domain.backoff import Backoff, spread
from bayplan.errors import BayplanError, Invalid, Malformed, TooManyAttempts, Unauthenticated

if TYPE_CHECKING:
    from bayplan.agent.prefetch import Prefetcher


JITTER = 0.2  # of the time from one heartbeat to the next


class JoinedAgain(Exception):  # nothing went wrong
    """The machine has another credential now."""


@dataclass(slots=True)
class Agent:
    """A worker that runs, until a signal or a refused credential ends it."""

    path: Path
    interval_seconds: float
    look_seconds: float
    say: Callable[[str], None]
    retry: Backoff
    prefetcher: "Prefetcher | None" = None
    _failures: int = 0
    # The last complaint about the server, and about the hardware: each is said once, not at every try.
    _said: str | None = None
    _blind: str | None = None
    _looked_at: float | None = None
    _state: AgentState = field(init=False)

    def run(self) -> None:
        """Runs; raises `Unauthenticated` when the worker was revoked, `NotFound` where the machine has not joined, or has left.

        Raises `JoinedAgain` where it is to be run anew.
        """
        self._state = credential.read(self.path)
        nodes = len(self._state.nodes)
        self.say(f"{self._state.worker} runs for {self._state.server}, with {nodes} node{'' if nodes == 1 else 's'}.")
        with membership.connect(self._state) as client:
            if self.prefetcher is None:
                self._go_on(client)
            try:
                self.prefetcher.start(self._state)
                self._go_on(client)
            finally:
                self.prefetcher.stop()

    def _go_on(self, client: Client) -> NoReturn:
        while True:
            time.sleep(self._turn(client))

    def _turn(self, client: Client) -> float:
        """Does what is due, and gives for how many seconds there is nothing to do."""
        try:
            self._look(client)
            for node in self._state.nodes:
                client.nodes.ping(node)
        except Unauthenticated as error:
            if not credential.read(self.path).is_of(self._state):
                self.say("This machine has joined again: going on with what it got.")
                raise JoinedAgain from None
            raise Unauthenticated(
                f"{self._state.server} does not know the worker {self._state.worker} any more: it was revoked, or joined again "
                "elsewhere. Run `bayplan worker join` with a new token.",
                code=error.code,
            ) from None
        except Malformed as error:
            if error.code != "unknown_node":
                return self._failed(error)
            self.say("A node of this machine is not in the catalogue any more: reporting the machine anew.")
            self._looked_at = None
            self._state = replace(self._state, reported={})
            return self._failed(error)
        except TooManyAttempts as error:
            self._failed(error)
            return float(error.retry_after_seconds)
        except BayplanError as error:
            return self._failed(error)
        if self._failures:
            self.say(f"{self._state.server} answers again.")
        self._failures, self._said = 0, None
        return spread(self.interval_seconds, JITTER, random.random())  # noqa: S311  # spreads load, guards nothing

    def _look(self, client: Client) -> None:
        """Looks at the hardware where that is due, and tells the server what is different."""
        now = time.monotonic()
        if self._looked_at is not None and now - self._looked_at < self.look_seconds:
            return
        try:
            body = membership.current(self._state)
        except (CannotProbe, Invalid) as error:
            self._looked_at = now
            if error.detail != self._blind:
                self.say(f"The hardware cannot be looked at, so what was reported stays. {error.detail}")
            self._blind = error.detail
            return
        self._blind = None
        changes = differences(self._state.reported, body) if self._state.reported else ["everything"]
        if changes:
            self.say(f"Reporting: {', '.join(changes)}.")
            self._state = membership.tell(client, self.path, self._state, body)
        self._looked_at = now

    def _failed(self, error: BayplanError) -> float:
        self._failures += 1
        wait = self.retry.wait_seconds(self._failures, random.random())  # noqa: S311  # spreads load, guards nothing
        if error.detail != self._said:
            self.say(f"{error.detail} Trying again until it works.")
        self._said = error.detail
        return wait
