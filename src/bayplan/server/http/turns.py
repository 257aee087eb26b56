"""Turns of requests: of one route a bounded number is handled at once, and the others wait for a bounded time.

Without a bound, all who ask for more than the server can do wait ever longer, and their requests fill the memory.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from bayplan.errors import Overloaded

DEADLINE = "deadline"
"""In the state of a request: when it has waited too long for its turn, by the time of the event loop."""
MOST_WAIT_SECONDS = 1.5
REFUSAL_SECONDS = 1.0
MOST_WAITING = 8
"""For each request that is handled at once, once others had to give up: a crowd that is served in time is none too many."""
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
            _log.warning("More is asked than the server can do: %d refused with 503", self._refused)
            self._logged, self._refused = now, 0


OVERLOAD_LOG = _OverloadLog()


class Turns:
    """Turns for at most `most` requests at once, in the order in which they came."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._most_waiting = MOST_WAITING * most
        self._overloaded_until = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def admit(self, deadline: float) -> None:
        """Raises `Overloaded` where too many wait, or the request has waited longer than until `deadline` to be read.

        It is told so after a while: who asks again at once would keep the server busy with refusals.
        """
        now = asyncio.get_running_loop().time()
        if len(self._waiting) >= self._most_waiting and now < self._overloaded_until:
            await asyncio.sleep(REFUSAL_SECONDS)
            raise too_many_requests()
        if deadline < now:
            raise too_many_requests()

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[None]:
        """Waits for a turn and holds it; raises `Overloaded` where that takes too long."""
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(MOST_WAIT_SECONDS):
                await turn
        except (asyncio.CancelledError, TimeoutError) as error:
            if turn.done() and not turn.cancelled():  # its turn came at the same time
                self._pass_on()
            else:
                with suppress(ValueError):  # it was passed over already
                    self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                self._overloaded_until = asyncio.get_running_loop().time() + MOST_WAIT_SECONDS
                raise too_many_requests() from None
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def too_many_requests() -> Overloaded:
    """Gives the error for a request that would have to wait too long."""
    OVERLOAD_LOG.note()
    return Overloaded("There are more requests than the server can answer.", retry_after_seconds=RETRY_SECONDS)
