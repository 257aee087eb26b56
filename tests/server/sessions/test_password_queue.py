"""The queue for checks of passwords: bounded in number, and who is known comes first."""

import asyncio
from collections import Counter
from pathlib import Path

from benchmarks import flood
from benchmarks.load import request

from bayplan.errors import TooManyAttempts
from bayplan.server.auth.password_queue import MOST_WAITING, LogInTurn, PasswordQueue
from tests.process import ADMIN_PASSWORD, running_server


def test_a_bounded_number_waits_and_the_rest_is_refused_at_once() -> None:
    done: list[str] = []

    async def check(queue: PasswordQueue, name: str, *, is_first: bool = False) -> str:
        try:
            await queue.is_right("guess", None, is_first=is_first)
        except TooManyAttempts as error:
            return "refused" if error.retry_after_seconds > 0 else "refused without a time"
        done.append(name)
        return "checked"

    async def work() -> None:
        queue = PasswordQueue(1)
        checks = [asyncio.create_task(check(queue, f"other {number}")) for number in range(2 * MOST_WAITING)]
        await asyncio.sleep(0)
        checks.append(asyncio.create_task(check(queue, "known", is_first=True)))
        given_up = asyncio.create_task(check(queue, "given up", is_first=True))
        await asyncio.sleep(0)
        given_up.cancel()
        outcomes = Counter(await asyncio.gather(*checks))
        # Under load some of those that wait may be refused when their time is up.
        assert outcomes["refused"] >= MOST_WAITING - 1
        assert done[:2] == ["other 0", "known"]
        assert "given up" not in done
        assert await check(queue, "later") == "checked"

    asyncio.run(work())


def test_of_one_user_at_one_address_a_bounded_number_waits() -> None:
    async def work() -> None:
        turn = LogInTurn()
        outcomes: list[str] = []

        async def take(number: int) -> None:
            try:
                async with turn.taken(2):
                    await asyncio.sleep(0)
                    outcomes.append(f"{number}")
            except TooManyAttempts:
                outcomes.append("refused")

        await asyncio.gather(*(take(number) for number in range(5)))
        assert sorted(outcomes) == ["0", "1", "2", "refused", "refused"]

    asyncio.run(work())


def test_guesses_over_four_hundred_connections_keep_nobody_out_who_is_known(tmp_path: Path) -> None:
    """The short form of `make flood`."""
    with running_server(tmp_path / "home") as server:
        log_in = flood.log_in_request("admin", ADMIN_PASSWORD, flood.OWN_ADDRESS)
        read = request("GET", "/v1/domains/1", authorization=f"Bearer {server.token()}")
        alone = min(asyncio.run(flood.timed(server.port, log_in))[0] for _ in range(3))
        guesses = flood.guesses(lambda number: f"2001:db8:{number % 65536:x}::1")
        result = asyncio.run(flood.flooded(server.port, guesses, 400, 3.0, log_in, read))
    assert set(result.statuses) == {401, 429}
    assert result.retry_after[429] == result.statuses[429]
    # Before, each waited for all those before it: as long as hundreds. A busy machine takes longer for one, too.
    assert 0 < min(result.log_in_seconds) < max(1.0, 20 * alone)
    assert 0 < min(result.read_seconds) < max(1.0, 20 * alone)
