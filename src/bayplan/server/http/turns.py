"""Turns of requests: of one route a bounded number is handled at once, and the others wait for a bounded time.

Without a bound, all who ask for more than the server can do wait ever longer, and their requests fill the memory.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager

from bayplan.errors import Overloaded

ARRIVED = "arrived"
"""In the state of a request: when all of it had come, by the time of the event loop."""
MOST_WAIT_SECONDS = 1.5
RETRY_SECONDS = 2
LOG_EVERY_SECONDS = 5.0

_log = logging.getLogger("bayplan")


class _OverloadLog:
    """The log of refusals: one entry for many."""

    def __init__(self) -> None:
        self._logged = float("-inf")
        self._refused = 0

    def note(self) -> None:
        """Counts a refusal, and logs how many there were since the last entry."""
        self._refused += 1
        now = time.monotonic()
        if now - self._logged >= LOG_EVERY_SECONDS:
            _log.warning("There are more requests than the server can answer: it refused %d with 503", self._refused)
            self._logged, self._refused = now, 0


OVERLOAD_LOG = _OverloadLog()


class Turns:
    """Turns for at most `most` requests at once: those who wait get theirs one sender after the other.

    So a sender that floods waits for itself. Each waits until its time is over, however many there are: who is refused at
    once asks again at once, and keeps the server busy with refusals.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: dict[Hashable, deque[asyncio.Future[bool]]] = {}

    @asynccontextmanager
    async def taken(self, sender: Hashable, arrived: float | None = None) -> AsyncGenerator[None]:
        """Waits for a turn and holds it; raises `Overloaded` for a request that arrived too long ago and has none yet."""
        if self._free:
            self._free -= 1
        else:
            loop = asyncio.get_running_loop()
            await self._wait(sender, (loop.time() if arrived is None else arrived) + MOST_WAIT_SECONDS)
        try:
            yield
        finally:
            # Not at once: a handler that waits for nothing would let all that have come be handled before anything else.
            asyncio.get_running_loop().call_soon(self._pass_on)

    async def _wait(self, sender: Hashable, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.setdefault(sender, deque()).append(turn)
        expiry = loop.call_at(deadline, self._expire, sender, turn)
        try:
            is_mine = await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():  # its turn came at the same time
                self._pass_on()
            raise
        finally:
            expiry.cancel()
        if not is_mine:
            OVERLOAD_LOG.note()
            raise Overloaded(
                "There are more requests than the server can answer: try again in a few seconds.",
                retry_after_seconds=RETRY_SECONDS,
            )

    def _expire(self, sender: Hashable, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            turn.set_result(False)
        queue = self._waiting.get(sender, deque())
        while queue and queue[0].done():
            queue.popleft()
        if not queue:
            self._waiting.pop(sender, None)

    def _pass_on(self) -> None:
        while self._waiting:
            sender = next(iter(self._waiting))
            queue = self._waiting.pop(sender)
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(True)
                    if queue:
                        self._waiting[sender] = queue  # behind the others
                    return
        self._free += 1
