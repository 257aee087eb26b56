"""Prefetching: keeps the desired images of this machine on it, in a thread of its own, for which heartbeats never wait.

The thread requests the desired images every few minutes, mostly to get "not modified", and reports the image inventory when that
changes. The engine's SDK is loaded when there is something to do. The thread ends with the process: a pull is abandoned then.
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
from bayplan.agent.scan_queue import ScanQueue
from bayplan.client import Client
from bayplan.domain.backoff import Backoff, spread
from bayplan.errors import BayplanError, Forbidden, Invalid, NotFound, Unauthenticated

if TYPE_CHECKING:
    from bayplan.agent.desired import DesiredImage
    from bayplan.agent.reconcile import Reconciler
    from bayplan.schemas.prefetch import InventoryEntry

FIRST_WITHIN_SECONDS = 30.0
JITTER = 0.2  # of the time from one request for the desired images to the next
MAX_REPORTS = 5  # at once, while images change; one more after each SECONDS_PER_REPORT
SECONDS_PER_REPORT = 10.0
REPORT_AGAIN_SECONDS = 3600.0  # also where nothing has changed
_STOP_SECONDS = 1.0
_MAX_DETAIL = 1_000


@dataclass(slots=True)
class Prefetcher:
    """Prefetching for one run of the agent. `engine`: the engine's address, None for the machine's own."""

    path: Path
    limits: DiskLimits
    interval_seconds: float
    engine: str | None
    stall_seconds: float
    check_seconds: float  # from one check that the images are still here to the next
    retry: Backoff
    log: Callable[[str], None]
    scans: ScanQueue | None = None  # where images that are held are added, None where nothing is scanned
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _desired: Sequence[DesiredImage] = ()
    _unreadable: dict[int, str] = field(default_factory=dict)  # why an image's reference cannot be read, by pk
    _keep: frozenset[int] = frozenset()
    _etag: str | None = None
    _has_answer: bool = False
    _failures: int = 0
    _last_error: str | None = None
    _warned: set[str] = field(default_factory=set)
    _reported: list[InventoryEntry] | None = None
    _reported_at: float = 0.0  # on the monotonic clock
    _reports_left: float = MAX_REPORTS
    _counted_at: float = 0.0
    _reconciler: Reconciler | None = None

    def start(self, state: AgentState) -> None:
        """Starts the thread, which does not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, args=(state,), name="prefetch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread; one that waits for an engine or a registry is left behind after a moment."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self, state: AgentState) -> None:
        wait = random.random() * min(FIRST_WITHIN_SECONDS, self.interval_seconds)  # noqa: S311  # spreads load, guards nothing
        due = time.monotonic() + wait
        with membership.connect(state) as client:
            while not self._stop.wait(max(0.0, min(due - time.monotonic(), self.check_seconds))):
                try:
                    if time.monotonic() >= due:
                        due = time.monotonic() + self._prefetch(client, state)
                    elif self._is_image_gone():
                        self._reconcile(client, state)
                except (Unauthenticated, _Ended):
                    return
                except Exception as error:  # heartbeats go on, and so does this; the server is told
                    due = time.monotonic() + self.interval_seconds
                    text = f"An error in bayplan itself ({type(error).__name__}: {error}): please report it."
                    self._report_failure(client, BayplanError(text))

    def _is_image_gone(self) -> bool:
        """Whether an image that was here is not here any more; False where no engine answers, which the next pass reports."""
        if self._reconciler is None or not self._reconciler.held:
            return False
        from bayplan.agent.engine import connect

        try:
            with connect(self.engine) as engine:
                return self._reconciler.is_image_gone(engine)
        except BayplanError:
            return False

    def _prefetch(self, client: Client, state: AgentState) -> float:
        """Requests the desired images, reconciles, and gives the seconds until the next time."""
        chance = random.random()  # noqa: S311  # spreads load, guards nothing
        wait = spread(self.interval_seconds, JITTER, chance)
        try:
            self._request(client)
            self._failures = 0
        except (NotFound, Forbidden):
            self.log(f"{state.server} is older than prefetching: no image is prefetched.")
            raise _Ended from None
        except Unauthenticated:
            raise  # heartbeats are refused as well, and log it
        except BayplanError:
            self._failures += 1
            wait = min(wait, self.retry.wait_seconds(self._failures, chance))
        if self._has_answer:
            self._reconcile(client, state)
        return wait

    def _request(self, client: Client) -> None:
        answer = client.prefetch.desired_images(self._etag)
        if answer is None:
            return
        body, self._etag = answer
        self._desired, self._unreadable = (), {}
        if body["images"]:
            from bayplan.agent.desired import DesiredImage

            desired = []
            for image in body["images"]:
                try:
                    desired.append(DesiredImage.of(image))
                except BayplanError as error:  # of a newer server, perhaps: the others are pulled
                    self._unreadable[image["image"]["pk"]] = error.detail
            self._desired = desired
        self._keep = frozenset(body["keep"])
        self._has_answer = True

    def _reconcile(self, client: Client, state: AgentState) -> None:
        path = owned_images.beside(self.path)
        try:
            if not self._desired and not owned_images.is_any(path, state.server):
                return self._report(client, {})
            return self._reconcile_engine(client, path, state)
        except Invalid as error:
            return self._report_failure(client, error)

    def _reconcile_engine(self, client: Client, path: Path, state: AgentState) -> None:
        from bayplan.agent.engine import connect
        from bayplan.agent.engine_errors import EngineFailed
        from bayplan.agent.orphans import remove_orphans
        from bayplan.agent.reconcile import ReconcileObserver, Reconciler, Stopped

        observer = ReconcileObserver(
            lambda inventory: self._report(client, inventory, may_wait=True), self.log, self._stop.is_set
        )
        if self._reconciler is None:
            self._reconciler = Reconciler(
                path, state.server, self.limits, self.interval_seconds, observer, self.stall_seconds
            )
        self._reconciler.observer = observer
        try:
            with connect(self.engine, self._warn_once) as engine:
                remove_orphans(engine, self.log)
                inventory = self._reconciler.reconcile(engine, self._desired, self._keep)
        except Stopped:
            raise _Ended from None
        except EngineFailed as error:
            return self._report_failure(client, error)
        if self._last_error is not None:
            self.log("Prefetching works again.")
        self._last_error = None
        if self.scans is not None:
            self.scans.add(self._reconciler.held)
        return self._report(client, inventory)

    def _report_failure(self, client: Client, error: BayplanError) -> None:
        self._log_error(f"{error.detail} Until that works, no image is prefetched.")
        self._report(
            client,
            {desired.image: _failed(desired.image, error.detail) for desired in self._desired},
        )

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.log(sentence)

    def _log_error(self, sentence: str) -> None:
        if sentence != self._last_error:
            self.log(sentence)
        self._last_error = sentence

    def _report(self, client: Client, inventory: Mapping[int, InventoryEntry], *, may_wait: bool = False) -> None:
        """Reports the image inventory where it has changed. A report that `may_wait`, as more follow, is left out after MAX_REPORTS."""
        now = time.monotonic()
        self._reports_left = min(MAX_REPORTS, self._reports_left + (now - self._counted_at) / SECONDS_PER_REPORT)
        self._counted_at = now
        unreadable = {image: _failed(image, detail) for image, detail in self._unreadable.items()}
        new = list({**unreadable, **inventory}.values())
        is_recent = new == self._reported and now - self._reported_at < REPORT_AGAIN_SECONDS
        if is_recent or (may_wait and self._reports_left < 1):
            return
        self._reports_left = max(0.0, self._reports_left - 1)
        self._reported_at = now
        try:
            client.prefetch.report_inventory(new)
        except BayplanError:
            self._reported, self._reports_left = None, 0.0  # reported again at the end of this pass, or in the next
        else:
            self._reported = new


def _failed(image: int, detail: str) -> InventoryEntry:
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(detail.split()))
    return {
        "image": image,
        "state": "failed",
        "digest": None,
        "size_bytes": None,
        "detail": line[:_MAX_DETAIL],
    }


class _Ended(Exception):  # nothing went wrong
    pass
