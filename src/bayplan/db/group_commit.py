"""Group commit: one transaction has all the small writes that arrived while the last one was written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

CLOSE_SECONDS = 5.0
Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Passes items to `write` in lists of at most `most`, one list after another, in the order of their arrival."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Result]], most: int) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def written(self, item: Item) -> Result:
        """Gives the result of `write` for the list with this item; raises what it raised."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._go_on())
        return await done

    async def close(self) -> None:
        """Waits a moment for what is being written: a database that hangs does not keep a server from stopping."""
        if self._writing is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._writing, CLOSE_SECONDS)

    async def _go_on(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._serve(batch)
        finally:
            self._writing = None

    async def _serve(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        result: Result | Exception
        try:
            result = await self._write([item for item, _ in batch])
        except Exception as error:  # whatever it is, it is the answer to everyone who waits
            result = error
        for _, done in batch:
            if done.done():  # whoever waited has hung up
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
