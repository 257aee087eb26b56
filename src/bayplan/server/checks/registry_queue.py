"""The checks of one registry's images: some at a time, until none is due, or the circuit breaker opens.

Each registry has a queue of its own, so that a slow or silent registry delays no other.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

from bayplan.clock import Clock, timestamp
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.domain.check_state import CheckResult, is_conclusive
from bayplan.server.checks import queue as check_queue
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.store import CompletedCheck
from bayplan.server.outages import Outages

CLAIMS_PER_WORKER = 5
FAILURES_BEFORE_BREAK = 3
"""After so many checks in a row that failed because of the registry, its other images are not checked in this run."""

Check = Callable[[CheckClaim], Awaitable[CompletedCheck]]


class RegistryQueue:
    """Checks the images of one registry that are due, `concurrency` at a time."""

    def __init__(
        self,
        db: Database,
        outages: Outages,
        registry: str,
        check: Check,
        completed: "asyncio.Queue[CompletedCheck]",
        *,
        clock: Clock,
        intervals: CheckIntervals,
        concurrency: int,
        requested_only: bool,
    ) -> None:
        self._db = db
        self._outages = outages
        self._registry = registry
        self._check = check
        self._completed = completed
        self._clock = clock
        self._intervals = intervals
        self._concurrency = concurrency
        self._requested_only = requested_only
        self._waiting: deque[CheckClaim] = deque()
        self._claiming = asyncio.Lock()
        self._is_drained = False
        self._failures = 0
        self._broken_by: CheckResult | None = None
        self._has_recovered = False
        self.claims: dict[int, CheckClaim] = {}
        """Claimed images that were not checked yet."""

    async def run(self) -> bool:
        """Checks all due images; gives whether there were any."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work()) for _ in range(self._concurrency)]
        if self._has_recovered:
            now = self._clock()
            await check_queue.make_due(self._db, self._registry, timestamp(now), timestamp(now + self._intervals.lease))
        return any(worker.result() for worker in workers)

    async def _work(self) -> bool:
        has_worked = False
        while (claim := await self._next()) is not None:
            broken_by = self._broken_by
            completed = await self._check(claim) if broken_by is None else self._skipped(claim, broken_by)
            self._count(claim, completed.result)
            await self._completed.put(completed)
            self.claims.pop(claim.image, None)
            has_worked = True
        return has_worked

    async def _next(self) -> CheckClaim | None:
        async with self._claiming:
            if not self._waiting and not self._is_drained:
                self._waiting.extend(await self._claim())
                self._is_drained = not self._waiting
            return self._waiting.popleft() if self._waiting else None

    async def _claim(self) -> list[CheckClaim]:
        now = self._clock()
        try:
            claims = await check_queue.claim(
                self._db,
                self._registry,
                timestamp(now),
                timestamp(now + self._intervals.lease),
                CLAIMS_PER_WORKER * self._concurrency,
                requested_only=self._requested_only,
                chance=random.random(),  # noqa: S311  # jitter, no secret
                sends_credentials=self._broken_by is None,
            )
        except DatabaseUnavailable as error:
            self._outages.report(error)
            return []
        self.claims |= {claim.image: claim for claim in claims}
        return claims

    def _count(self, claim: CheckClaim, result: CheckResult) -> None:
        """Opens the circuit breaker after consecutive failures; logs that a registry answers again."""
        if not result.of_registry:
            self._failures = 0
            recovered = claim.state == "unreachable" and is_conclusive(result)
            self._has_recovered = self._has_recovered or recovered
        elif self._broken_by is None:
            self._failures += 1
            if self._failures >= FAILURES_BEFORE_BREAK:
                self._broken_by = result

    def _skipped(self, claim: CheckClaim, broken_by: CheckResult) -> CompletedCheck:
        detail = (
            f"The check was left out, because the checks of {FAILURES_BEFORE_BREAK} other images of this registry failed "
            f"just before: {broken_by.detail}"
        )
        return CompletedCheck(claim, CheckResult(timestamp(self._clock()), None, broken_by.code, detail))
