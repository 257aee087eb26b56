"""The scheduler of checks: checks each image in its registry whenever it is due.

It runs in the server process, and shares its work with all processes on the same database by claims. While nothing is
due it costs a query or two every few seconds. It ends only with the server: it waits for a database that is away.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bayplan.clock import Clock, timestamp, utc_now
from bayplan.config import Settings
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.db.keyring import Keyring
from bayplan.domain.check_state import JITTER, CheckState, wait_seconds
from bayplan.errors import BayplanError
from bayplan.server.checks import queue as check_queue
from bayplan.server.checks import store as check_store
from bayplan.server.checks.check_one import check_one
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.registry_queue import RegistryQueue
from bayplan.server.checks.store import CompletedCheck
from bayplan.server.outages import Outages
from bayplan.server.registries import Registries

_log = logging.getLogger("bayplan")

MAX_BATCH = 500
_MOST_SKEW_SECONDS = 60.0  # of the clocks of two server processes
MAX_REGISTRIES = 200
"""Registries that are checked at the same time."""


class CheckScheduler:
    """Checks images in their registries, as they come due, until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        outages: Outages,
        keyring: Keyring,
        registries: Registries,
        *,
        clock: Clock = utc_now,
        intervals: CheckIntervals | None = None,
    ) -> None:
        self._interval_seconds = settings.verify_seconds
        # One connection to each registry stays free for requests that wait for an answer.
        self._concurrency = max(1, settings.registry_concurrency - 1)
        self._db = db
        self._outages = outages
        self._keyring = keyring
        self._registries = registries
        self._clock = clock
        self._intervals = intervals or CheckIntervals()
        self._woken = asyncio.Event()
        self._completed: asyncio.Queue[CompletedCheck] = asyncio.Queue(2 * MAX_BATCH)
        self._queues: dict[str, tuple[RegistryQueue, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._last_sweep: tuple[int, float] | None = None
        self._next_clamp_seconds = float("-inf")
        self._ahead_seconds = float("-inf")
        """How far the clock was ahead of the event loop's when it was read last: less now means that it went back."""

    def start(self) -> None:
        """Starts the scheduler."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._write())]

    def wake(self) -> None:
        """Makes it look up due images at once."""
        self._woken.set()

    async def stop(self) -> None:
        """Stops: writes results and returns claims."""
        if not self._tasks:
            return
        queues = list(self._queues.values())
        await _cancel(self._tasks[:1] + [task for _, task in queues])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._intervals.stop_seconds):
                await self._completed.join()
        await _cancel(self._tasks)
        # A database that hangs is not waited for: a claim that is not returned is due again when its lease is over.
        with contextlib.suppress(BayplanError, TimeoutError):
            async with asyncio.timeout(self._intervals.stop_seconds):
                claims = [claim for queue, _ in queues for claim in queue.claims.values()]
                await check_queue.release(self._db, claims, self._now())

    async def check_now(self, pk: int) -> None:
        """Checks one image at once, and stores the result; raises `NotFound`, and `Conflict` for a deleted one."""
        claim = await check_queue.claim_now(self._db, pk, self._now())
        await check_store.write(self._db, [await self._check(claim)], self._due)

    async def request(self, *, not_ok_only: bool) -> tuple[str, int]:
        """Makes all images due, or those not known to be ok; gives the time and their number."""
        at = self._now()
        images = await check_queue.request(self._db, at, not_ok_only=not_ok_only)
        self.wake()
        return at, images

    def _now(self) -> str:
        return timestamp(self._clock())

    async def _check(self, claim: CheckClaim) -> CompletedCheck:
        return await check_one(claim, self._registries, self._keyring, self._db, self._clock)

    def _due(self, completed: CompletedCheck, state: CheckState) -> str | None:
        """Gives when to check an image again; None where the settings have no schedule."""
        if not self._interval_seconds:
            return None
        at = datetime.fromisoformat(completed.result.at)
        elapsed = at - datetime.fromisoformat(state.since or completed.result.at)
        wait = wait_seconds(state.state, elapsed.total_seconds(), self._interval_seconds, completed.claim.chance)
        claimed = completed.claim.claimed
        return timestamp((datetime.fromisoformat(claimed) if claimed else at) + timedelta(seconds=wait))

    async def _run(self) -> None:
        while True:
            await self._try(self._start_queues)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._intervals.poll_seconds):
                    await self._woken.wait()
            self._woken.clear()

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except DatabaseUnavailable as error:
            self._outages.report(error)
        except Exception:
            _log.exception("The images that are due for a check could not be read")

    async def _start_queues(self) -> None:
        requested_only = not self._interval_seconds
        await self._clamp()
        if not requested_only:
            await self._sweep()
        for registry in await check_queue.registries_due(self._db, self._now(), requested_only=requested_only):
            if registry not in self._queues and len(self._queues) < MAX_REGISTRIES:
                queue = RegistryQueue(
                    self._db,
                    self._outages,
                    registry,
                    self._check,
                    self._completed,
                    clock=self._clock,
                    intervals=self._intervals,
                    concurrency=self._concurrency,
                    requested_only=requested_only,
                )
                self._queues[registry] = queue, asyncio.create_task(self._run_queue(registry, queue))

    async def _clamp(self) -> None:
        """Brings due times near that a clock which was ahead has put off: at the start, when the clock went back, and now and then."""
        loop_seconds, now = asyncio.get_running_loop().time(), self._clock()
        ahead_seconds = now.timestamp() - loop_seconds
        went_back = ahead_seconds < self._ahead_seconds - _MOST_SKEW_SECONDS
        self._ahead_seconds = ahead_seconds
        if not went_back and loop_seconds < self._next_clamp_seconds:
            return
        longest_seconds = max(self._interval_seconds * (1 + JITTER), self._intervals.lease.total_seconds())
        latest = timestamp(now + timedelta(seconds=longest_seconds + _MOST_SKEW_SECONDS))
        while await check_queue.clamp(self._db, latest, self._first_due(), MAX_BATCH) == MAX_BATCH:
            pass
        self._next_clamp_seconds = loop_seconds + self._intervals.sweep_seconds

    async def _sweep(self) -> None:
        """Schedules images without a due time: new images, and those that were deleted or not on a schedule."""
        version, loop_seconds = await self._db.version(), asyncio.get_running_loop().time()
        if self._last_sweep is not None:
            last_version, last_seconds = self._last_sweep
            if version == last_version and loop_seconds < last_seconds + self._intervals.sweep_seconds:
                return
        for add_due_times in (check_queue.enrol, check_queue.schedule):
            while await add_due_times(self._db, self._first_due(), MAX_BATCH) == MAX_BATCH:
                pass
        self._last_sweep = version, loop_seconds

    def _first_due(self) -> str:
        longest = min(self._intervals.first_check_seconds, self._interval_seconds / 10)
        wait = longest * random.random()  # noqa: S311  # jitter, no secret
        return timestamp(self._clock() + timedelta(seconds=wait))

    async def _run_queue(self, registry: str, queue: RegistryQueue) -> None:
        has_worked = False
        try:
            has_worked = await queue.run()
        except DatabaseUnavailable as error:
            self._outages.report(error)
        except Exception:
            _log.exception("The checks of the images of %s failed", registry)
        finally:
            del self._queues[registry]
        if has_worked:  # and more may have come due meanwhile
            self.wake()

    async def _write(self) -> None:
        while True:
            batch = [await self._completed.get()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._intervals.batch_seconds):
                    while len(batch) < MAX_BATCH:
                        batch.append(await self._completed.get())
            try:
                await self._write_batch(batch)
            finally:
                for _ in batch:
                    self._completed.task_done()

    async def _write_batch(self, batch: Sequence[CompletedCheck]) -> None:
        while True:
            try:
                changed = await check_store.write(self._db, batch, self._due)
            except DatabaseUnavailable as error:
                self._outages.report(error)
                # The queues wait as well, so that memory stays bounded.
                await asyncio.sleep(self._intervals.poll_seconds)
                continue
            except Exception:
                _log.exception(
                    "The results of checks could not be stored"
                )  # the images are due again after their lease
                return
            for completed, before, state in changed:
                if state.state != "ok" and state.state != before.state:
                    _log.info("The docker image with pk %d is %s now", completed.claim.image, state.state)
            return


async def _cancel(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
