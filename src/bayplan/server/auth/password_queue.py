"""The queue for checks of passwords: each takes tens of milliseconds of a processor, and anybody may ask for one.

As many run at once as there are processors; a bounded number waits, for a bounded time, and all others are told to come again.
Who logs in from an address that they have logged in from before comes first, so that guesses do not keep them out.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from bayplan.errors import TooManyAttempts
from bayplan.server.auth import passwords

MOST_WAITING = 16
"""For each check that runs at once: about half a second of waiting."""
MOST_WAIT_SECONDS = 1.0
REFUSALS_AT_ONCE = 50
REFUSAL_SECONDS = 1.0
"""Within which so many refusals are sent at once. Further ones wait as long: answering them would keep the server busy."""
_RETRY_SECONDS = 2


class LogInTurn:
    """The turn of log-ins of one user from one address: one after the other, and at most so many wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def taken(self, most_waiting: int) -> AsyncGenerator[None]:
        """Waits for the turn and holds it; raises `TooManyAttempts` where too many wait."""
        if self._waiting >= most_waiting:
            raise _too_many()
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()


class RefusalPace:
    """How fast log-ins are refused: who sends the next guess at each refusal gets few of them."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._sent = 0

    async def wait(self) -> None:
        """Waits before a refusal is sent, where many were sent in this second."""
        seconds = asyncio.get_running_loop().time()
        if seconds - self._since > REFUSAL_SECONDS:
            self._since, self._sent = seconds, 0
        self._sent += 1
        if self._sent > REFUSALS_AT_ONCE:
            await asyncio.sleep(REFUSAL_SECONDS)


class PasswordQueue:
    """The checks of passwords of one server process: at most `concurrency` at once."""

    def __init__(self, concurrency: int) -> None:
        self._free = concurrency
        self._most_waiting = MOST_WAITING * concurrency
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def is_right(self, password: str, stored: str | None, *, is_first: bool) -> bool:
        """Whether the password is the stored one, see `passwords.is_right`; raises `TooManyAttempts` where too many wait.

        `is_first`: before all those for whom it is not set.
        """
        async with self._turn(self._first if is_first else self._others):
            return await passwords.is_right(password, stored)

    @asynccontextmanager
    async def _turn(self, line: deque[asyncio.Future[None]]) -> AsyncGenerator[None]:
        if self._free:
            self._free -= 1
        else:
            await self._wait(line)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        if len(line) >= self._most_waiting:
            raise _too_many()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            async with asyncio.timeout(MOST_WAIT_SECONDS):
                await turn
        except (asyncio.CancelledError, TimeoutError) as error:
            if turn.done() and not turn.cancelled():  # its turn came at the same time
                self._pass_on()
            else:
                with suppress(ValueError):  # it was passed over already
                    line.remove(turn)
            if isinstance(error, TimeoutError):
                raise _too_many() from None
            raise

    def _pass_on(self) -> None:
        for line in (self._first, self._others):
            while line:
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1


def _too_many() -> TooManyAttempts:
    return TooManyAttempts(
        f"Too many people log in at this moment: try again in {_RETRY_SECONDS} seconds.",
        retry_after_seconds=_RETRY_SECONDS,
    )
