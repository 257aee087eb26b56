"""Keeps the images on this machine that its server wants here, beside the signs of life and never in their way: a thread of its own.

It asks every few minutes, mostly to hear that nothing has changed, and says what it holds when that changes. The engine's SDK is
loaded when there is something to do. It ends with the process: an image that is being pulled then is abandoned.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.agent import membership, owned_images
from bayplan.agent.credential import AgentState
from bayplan.agent.disk_budget import DiskLimits
from bayplan.client import Client
from bayplan.domain.backoff import Backoff, spread
from bayplan.errors import BayplanError, Forbidden, Invalid, NotFound, Unauthenticated

if TYPE_CHECKING:
    from bayplan.agent.desired import DesiredImage
    from bayplan.agent.reconcile import Reconciler
    from bayplan.schemas.prefetch import InventoryEntry

FIRST_WITHIN_SECONDS = 30.0
SAYS_AT_ONCE = 5
SAYS_ONE_MORE_EVERY_SECONDS = 10.0
SAYS_AGAIN_AFTER_SECONDS = 3600.0
_ENDS_WITHIN_SECONDS = 1.0
JITTER = 0.2  # of the time from one look-up of the desired images to the next


@dataclass(slots=True)
class Prefetcher:
    """Prefetching for one run of the worker. `engine`: the engine's address, None for the machine's own."""

    path: Path
    limits: DiskLimits
    interval_seconds: float
    engine: str | None
    retry: Backoff
    say: Callable[[str], None]
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _targets: Sequence[DesiredImage] = ()
    _keep: frozenset[int] = frozenset()
    _tag: str | None = None
    _asked: bool = False
    _failures: int = 0
    _complained: str | None = None
    _said: list[InventoryEntry] | None = None
    _said_at: float = 0.0
    _may_say: float = SAYS_AT_ONCE
    _counted_at: float = 0.0
    _hold: Reconciler | None = None

    def start(self, known: AgentState) -> None:
        """Begins, in a thread that does not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, args=(known,), name="prefetch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; what waits for an engine or a registry is left behind after a moment."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_ENDS_WITHIN_SECONDS)

    def _run(self, known: AgentState) -> None:
        wait = random.random() * min(FIRST_WITHIN_SECONDS, self.interval_seconds)  # noqa: S311  # spreads load, guards nothing
        with membership.connect(known) as client:
            while not self._stop.wait(wait):
                try:
                    wait = self._turn(client, known)
                except (Unauthenticated, _Ended):
                    return
                except Exception as error:  # heartbeats go on, and so does this
                    self._complain(f"Prefetching failed ({type(error).__name__}: {error}).")
                    wait = self.interval_seconds

    def _turn(self, client: Client, known: AgentState) -> float:
        """Asks, does what there is to do, and gives for how many seconds there is nothing."""
        chance = random.random()  # noqa: S311  # spreads load, guards nothing
        wait = spread(self.interval_seconds, JITTER, chance)
        try:
            self._ask(client)
            self._failures = 0
        except (NotFound, Forbidden):
            self.say(f"{known.server} knows nothing of prefetching: no image is prefetched.")
            raise _Ended from None
        except Unauthenticated:
            raise  # the signs of life are refused as well, and say so
        except BayplanError:
            self._failures += 1
            wait = min(wait, self.retry.wait_seconds(self._failures, chance))
        if self._asked:
            self._reconcile(client, known)
        return wait

    def _ask(self, client: Client) -> None:
        answer = client.prefetch.desired_images(self._tag)
        if answer is None:
            return
        wanted, self._tag = answer
        if wanted["images"]:
            from bayplan.agent.desired import DesiredImage

            self._targets = [DesiredImage.of(one) for one in wanted["images"]]
        else:
            self._targets = ()
        self._keep = frozenset(wanted["keep"])
        self._asked = True

    def _reconcile(self, client: Client, known: AgentState) -> None:
        path = owned_images.beside(self.path)
        try:
            if not self._targets and not owned_images.is_any(path, known.server):
                return self._tell(client, {})
            return self._with_engine(client, path, known)
        except Invalid as error:
            return self._cannot(client, error)

    def _with_engine(self, client: Client, path: Path, known: AgentState) -> None:
        from bayplan.agent.engine import connect
        from bayplan.agent.engine_errors import EngineFailed
        from bayplan.agent.reconcile import ReconcileObserver, Reconciler, Stopped

        watch = ReconcileObserver(lambda holdings: self._tell(client, holdings, soon=True), self.say, self._stop.is_set)
        if self._hold is None:
            self._hold = Reconciler(path, known.server, self.limits, self.interval_seconds, watch)
        self._hold.watch = watch
        try:
            with connect(self.engine) as engine:
                held = self._hold.reconcile(engine, self._targets, self._keep)
        except Stopped:
            raise _Ended from None
        except EngineFailed as error:
            return self._cannot(client, error)
        if self._complained is not None:
            self.say("Prefetching works again.")
        self._complained = None
        return self._tell(client, held)

    def _cannot(self, client: Client, error: BayplanError) -> None:
        self._complain(f"{error.detail} Until that is mended, no image is prefetched.")
        self._tell(
            client,
            {
                one.image: {
                    "image": one.image,
                    "state": "failed",
                    "digest": None,
                    "size_bytes": None,
                    "detail": error.detail[:1000],
                }
                for one in self._targets
            },
        )

    def _complain(self, sentence: str) -> None:
        if sentence != self._complained:
            self.say(sentence)
        self._complained = sentence

    def _tell(self, client: Client, holdings: Mapping[int, InventoryEntry], *, soon: bool = False) -> None:
        """Says what the machine holds where that is new; where it will be told again `soon`, not for each of many small images."""
        now = time.monotonic()
        self._may_say = min(SAYS_AT_ONCE, self._may_say + (now - self._counted_at) / SAYS_ONE_MORE_EVERY_SECONDS)
        self._counted_at = now
        new = list(holdings.values())
        if (new == self._said and now - self._said_at < SAYS_AGAIN_AFTER_SECONDS) or (soon and self._may_say < 1):
            return
        self._may_say = max(0.0, self._may_say - 1)
        self._said_at = now
        try:
            client.prefetch.report_inventory(new)
        except BayplanError:
            self._said, self._may_say = None, 0.0  # it is said again when the round ends, or in the next one
        else:
            self._said = new


class _Ended(Exception):  # nothing went wrong
    pass
