"""Turns of requests: a bounded number at once, the others for a bounded time."""

import asyncio
import time
from collections import Counter
from math import inf

import pytest

from bayplan.errors import Overloaded
from bayplan.server.http.turns import MOST_WAIT_SECONDS, MOST_WAITING, Turns


def test_so_many_at_once_and_the_others_wait_or_are_refused() -> None:
    async def work() -> None:
        turns, outcomes, at_once, most_at_once = Turns(2), Counter[str](), 0, 0

        async def handle(seconds: float) -> None:
            nonlocal at_once, most_at_once
            begun = time.monotonic()
            try:
                await turns.admit(inf)
                async with turns.taken():
                    at_once += 1
                    most_at_once = max(most_at_once, at_once)
                    await asyncio.sleep(seconds)
                    at_once -= 1
                outcomes["handled"] += 1
            except Overloaded as error:
                is_in_time = time.monotonic() - begun < 2 * MOST_WAIT_SECONDS and error.retry_after_seconds > 0
                outcomes["refused" if is_in_time else "refused late"] += 1

        await asyncio.gather(*(handle(0.01) for _ in range(10)))
        assert (outcomes, most_at_once) == ({"handled": 10}, 2)
        # Two hold their turns for longer than others wait; beyond those that may wait, more come.
        many = 2 * MOST_WAITING + 5
        long = [asyncio.create_task(handle(2 * MOST_WAIT_SECONDS)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.gather(*(handle(0) for _ in range(many)))
        # Now that some gave up, those for whom there is no place are refused sooner.
        begun = time.monotonic()
        again = [asyncio.create_task(handle(0)) for _ in range(2 * MOST_WAITING)]
        await asyncio.sleep(0)
        await handle(0)
        assert time.monotonic() - begun < MOST_WAIT_SECONDS
        await asyncio.gather(*long, *again)
        assert (outcomes["handled"], outcomes["refused"], outcomes["refused late"]) == (12 + len(again), many + 1, 0)

    asyncio.run(work())


def test_who_gives_up_leaves_the_turn_to_the_next() -> None:
    async def work() -> None:
        turns, order = Turns(1), []

        async def handle(name: str) -> None:
            async with turns.taken():
                order.append(name)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(handle(name)) for name in ("first", "gives up", "next")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["first", "next"]

    asyncio.run(work())


def test_a_request_that_was_read_too_late_is_refused() -> None:
    async def work() -> None:
        await Turns(1).admit(asyncio.get_running_loop().time() + 60)
        with pytest.raises(Overloaded):
            await Turns(1).admit(asyncio.get_running_loop().time() - 0.001)

    asyncio.run(work())
