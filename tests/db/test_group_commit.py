"""Group commit: all writes that wait share one transaction, in order, and each gets its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from bayplan.db import group_commit
from bayplan.db.group_commit import GroupCommit

pytestmark = pytest.mark.anyio


class Slow:
    """A place to write to that waits until it is let go on."""

    def __init__(self) -> None:
        self.lists: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def write(self, items: Sequence[int]) -> int:
        """Gives the number of the list; refuses every 13."""
        self.lists.append(list(items))
        self.begun.set()
        await self.go_on.wait()
        if 13 in items:
            raise ValueError("no 13")
        return len(self.lists)


async def asked(writes: GroupCommit[int, int], *items: int) -> list[asyncio.Task[int]]:
    """Somebody waits for each, in this order."""
    tasks = [asyncio.create_task(writes.written(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_one_is_written_shares_the_next() -> None:
    slow = Slow()
    writes = GroupCommit(slow.write, 3)
    first = await asked(writes, 1)
    await slow.begun.wait()
    others = await asked(writes, 2, 3, 4, 5)
    slow.go_on.set()
    assert await asyncio.gather(*first, *others) == [1, 2, 2, 2, 3]
    assert slow.lists == [[1], [2, 3, 4], [5]]
    slow.begun.clear()
    assert await writes.written(6) == 4


async def test_a_failure_reaches_all_who_share_it_and_no_other() -> None:
    slow = Slow()
    writes = GroupCommit(slow.write, 2)
    slow.go_on.set()
    ended = await asyncio.gather(*await asked(writes, 12, 13, 14, 15), return_exceptions=True)
    assert [str(each) for each in ended] == ["no 13", "no 13", "2", "2"]


async def test_who_hangs_up_leaves_the_others_what_they_came_for() -> None:
    slow = Slow()
    writes = GroupCommit(slow.write, 10)
    first = await asked(writes, 1)
    await slow.begun.wait()
    second, third = await asked(writes, 2, 3)
    second.cancel()
    closing = asyncio.create_task(writes.close())
    slow.go_on.set()
    assert await asyncio.gather(*first, third) == [1, 2]
    await closing
    assert slow.lists == [[1], [2, 3]]


async def test_what_hangs_is_not_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "CLOSE_SECONDS", 0.1)
    slow = Slow()
    writes = GroupCommit(slow.write, 1)
    (waiting,) = await asked(writes, 1)
    await slow.begun.wait()
    await asyncio.wait_for(writes.close(), 30)
    waiting.cancel()
    assert not slow.go_on.is_set()
