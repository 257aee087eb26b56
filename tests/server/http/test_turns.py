"""Turns of requests: a bounded number at once, the others for a bounded time, one sender after the other."""

import asyncio
import time
from collections import Counter

import pytest

from bayplan.errors import Overloaded
from bayplan.server.http.turns import MOST_WAIT_SECONDS, Turns


def test_so_many_at_once_and_the_others_wait_or_are_refused() -> None:
    async def work() -> None:
        turns, outcomes, at_once, most_at_once = Turns(2), Counter[str](), 0, 0

        async def handle(seconds: float) -> None:
            nonlocal at_once, most_at_once
            begun = time.monotonic()
            try:
                async with turns.taken("sender"):
                    at_once += 1
                    most_at_once = max(most_at_once, at_once)
                    await asyncio.sleep(seconds)
                    at_once -= 1
                outcomes["handled"] += 1
            except Overloaded as error:
                is_in_time = time.monotonic() - begun < 2 * MOST_WAIT_SECONDS and error.retry_after_seconds > 0
                outcomes["refused" if is_in_time else "refused late"] += 1

        # A crowd that is served in time is none too many.
        await asyncio.gather(*(handle(0) for _ in range(1000)))
        assert (outcomes, most_at_once) == ({"handled": 1000}, 2)
        # Two hold their turns for longer than others wait.
        long = [asyncio.create_task(handle(1.2 * MOST_WAIT_SECONDS)) for _ in range(2)]
        await asyncio.sleep(0.001)
        await asyncio.gather(*(handle(0) for _ in range(100)))
        await asyncio.gather(*long)
        await handle(0)
        assert (outcomes["handled"], outcomes["refused"], outcomes["refused late"]) == (1003, 100, 0)

    asyncio.run(work())


def test_who_floods_waits_for_themselves() -> None:
    async def work() -> None:
        turns, order = Turns(1), []

        async def handle(sender: str) -> None:
            async with turns.taken(sender):
                order.append(sender)
                await asyncio.sleep(0)

        flood = [asyncio.create_task(handle("flood")) for _ in range(20)]
        others = [asyncio.create_task(handle(name)) for name in ("one", "other", "one")]
        await asyncio.gather(*flood, *others)
        assert order == ["flood", "flood", "one", "other", "flood", "one", *["flood"] * 17]

    asyncio.run(work())


def test_handlers_that_wait_for_nothing_hold_up_nobody_else() -> None:
    async def work() -> None:
        turns, handled = Turns(2), 0

        async def handle() -> None:
            nonlocal handled
            async with turns.taken("sender"):
                handled += 1

        flood = [asyncio.create_task(handle()) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 0 < handled <= 4, "the event loop came to others only after all had been handled"
        await asyncio.gather(*flood)
        assert handled == 20

    asyncio.run(work())


@pytest.mark.parametrize("is_next", [True, False], ids=["as its turn comes", "while it waits"])
def test_who_gives_up_leaves_the_turn_to_the_next(is_next: bool) -> None:
    async def work() -> None:
        turns, order = Turns(1), []
        end = asyncio.Event()

        async def handle(name: str) -> None:
            async with turns.taken("sender"):
                order.append(name)
                await end.wait()

        tasks = [asyncio.create_task(handle(name)) for name in ("first", "gives up", "next")]
        await asyncio.sleep(0)
        end.set()
        for _ in range(2 if is_next else 0):  # until the turn is passed on, and not yet taken
            await asyncio.sleep(0)
        tasks[1].cancel()
        async with asyncio.timeout(1):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert tasks[1].cancelled()
        assert order == ["first", "next"]

    asyncio.run(work())


def test_a_request_waits_from_when_it_arrived() -> None:
    async def work() -> None:
        turns = Turns(1)
        arrived = asyncio.get_running_loop().time() - MOST_WAIT_SECONDS
        async with turns.taken("sender", arrived):  # what holds up the event loop while nobody waits is no flood
            with pytest.raises(Overloaded):
                async with asyncio.timeout(MOST_WAIT_SECONDS / 2), turns.taken("other", arrived):
                    pass

    asyncio.run(work())
