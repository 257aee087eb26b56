"""One registry's share of the looking: some at a time, until nothing of it is due, or it is seen not to answer.

Each registry has a round of its own, so that one which takes its time, or none of which anything is heard, delays no other.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bayplan.clock import now, timestamp
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.domain.check_state import CheckResult, is_conclusive
from bayplan.server.checks import queue as check_queue
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.store import CompletedCheck

_log = logging.getLogger("bayplan")

LEASE = timedelta(minutes=15)
"""How long an image is claimed: longer than the looks at what one takes at a time may take, each as long as it may."""
CLAIMS_FOR_EACH = 5
FAILURES_BEFORE_BREAK = 3
"""After so many looks in a row that the registry itself failed, the registry's other images are not asked for in this round."""

LookAt = Callable[[CheckClaim], Awaitable[CompletedCheck]]


class RegistryQueue:
    """The looks at the images of one registry that are due, `width` at a time."""

    def __init__(
        self,
        db: Database,
        registry: str,
        look_at: LookAt,
        seen: "asyncio.Queue[CompletedCheck]",
        *,
        width: int,
        asked_only: bool,
    ) -> None:
        self._db = db
        self._registry = registry
        self._check_one = look_at
        self._seen = seen
        self._width = width
        self._asked_only = asked_only
        self._taken: deque[CheckClaim] = deque()
        self._taking = asyncio.Lock()
        self._ended = False
        self._silent = 0
        self._why: CheckResult | None = None
        self._came_back = False
        self.open: dict[int, CheckClaim] = {}
        """What is claimed and was not looked at yet."""

    async def run(self) -> bool:
        """Looks at all that is due; gives whether that was anything."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work()) for _ in range(self._width)]
        if self._came_back:
            moment = datetime.now(UTC)
            await check_queue.make_due(self._db, self._registry, timestamp(moment), timestamp(moment + LEASE))
        return any(worker.result() for worker in workers)

    async def _work(self) -> bool:
        worked = False
        while (claim := await self._next()) is not None:
            seen = await self._check_one(claim) if self._why is None else self._spared(claim, self._why)
            self._judge(claim, seen.look)
            await self._seen.put(seen)
            self.open.pop(claim.image, None)
            worked = True
        return worked

    async def _next(self) -> CheckClaim | None:
        async with self._taking:
            if not self._taken and not self._ended:
                self._taken.extend(await self._take())
                self._ended = not self._taken
            return self._taken.popleft() if self._taken else None

    async def _take(self) -> list[CheckClaim]:
        moment = datetime.now(UTC)
        try:
            taken = await check_queue.claim(
                self._db,
                self._registry,
                timestamp(moment),
                timestamp(moment + LEASE),
                CLAIMS_FOR_EACH * self._width,
                asked_only=self._asked_only,
                chance=random.random(),  # noqa: S311  # jitter, no secret
                sends=self._why is None,
            )
        except DatabaseUnavailable as error:
            _log.warning("%s Images of %s are looked at when it answers.", error.detail, self._registry)
            return []
        self.open |= {claim.image: claim for claim in taken}
        return taken

    def _judge(self, claim: CheckClaim, look: CheckResult) -> None:
        if not look.of_registry:
            self._silent = 0
            self._came_back = self._came_back or (claim.state == "unreachable" and is_conclusive(look))
        elif self._why is None:
            self._silent += 1
            if self._silent >= FAILURES_BEFORE_BREAK:
                self._why = look

    def _spared(self, claim: CheckClaim, why: CheckResult) -> CompletedCheck:
        detail = f"It was not asked, for it did not answer for {FAILURES_BEFORE_BREAK} other images just before: {why.detail}"
        return CompletedCheck(claim, CheckResult(now(), None, why.code, detail))
