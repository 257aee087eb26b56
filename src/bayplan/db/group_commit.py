"""Small writes that many callers wait for, done together: one transaction serves all who came while the last was written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

CLOSE_SECONDS = 5.0
Item = TypeVar("Item")
Given = TypeVar("Given")


class GroupCommit(Generic[Item, Given]):
    """Hands what is given to `write` in lists of at most `most`, one after another, in the order in which it came."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Given]], most: int) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Given]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def written(self, item: Item) -> Given:
        """Returns what `write` gave for the list with this item, once it has; raises what it raised."""
        done: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
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

    async def _serve(self, batch: list[tuple[Item, asyncio.Future[Given]]]) -> None:
        given: Given | Exception
        try:
            given = await self._write([item for item, _ in batch])
        except Exception as error:  # whatever it is, it is the answer to everyone who waits
            given = error
        for _, done in batch:
            if done.done():  # whoever waited has hung up
                continue
            if isinstance(given, Exception):
                done.set_exception(given)
            else:
                done.set_result(given)
