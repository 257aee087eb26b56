"""Registries that stall, refuse and fall over: each ends in time, and delays no other."""

import asyncio
import time

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits
from bayplan.registry.errors import RegistryError, RegistryTimeout, RegistryUnreachable
from bayplan.registry.inspect import inspect
from bayplan.registry.resolve import resolve_digest
from bayplan.registry.retry import RetryPolicy
from tests.registry.asking import IMAGE, inspected, within
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Asked, serving

pytestmark = pytest.mark.anyio


async def test_a_slow_drip() -> None:
    """A byte now and then keeps no connection open beyond the time for an answer."""

    async def handler(asked: Asked) -> None:
        asked.begin(200, {"Content-Length": "1000"})
        for _ in range(1000):
            asked.writer.write(b" ")
            await asked.writer.drain()
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        with within(10), pytest.raises(RegistryTimeout, match="took longer than"):
            await inspected(server, limits=ConnectionLimits(answer_seconds=0.4))


async def test_an_image_that_drips_as_a_whole() -> None:
    """Many answers, each in time, do not add up to for ever."""

    async def handler(asked: Asked) -> None:
        await asyncio.sleep(0.15)
        await asked.answer(302, Location=asked.target)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        with within(10), pytest.raises(RegistryTimeout):
            await inspect(client, Reference.parse(f"{server.host}/ml/x:1"), seconds=0.4)


async def test_a_429_storm() -> None:
    """Asked no more often than the retry policy allows, with longer and longer waits."""
    times: list[float] = []

    async def handler(asked: Asked) -> None:
        times.append(time.monotonic())
        await asked.answer(429)

    async with serving(handler) as server:
        with pytest.raises(RegistryError, match="429"):
            await inspected(server)
    assert len(times) == QUICK.retry.attempts


async def test_a_429_that_says_when_to_come_back() -> None:
    """Retry-After is waited for, and the answer then counts; one that is too long is not waited for."""
    times: list[float] = []

    async def handler(asked: Asked) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            await asked.answer(429, Retry_After="1")
        else:
            await IMAGE.answer(asked)

    async with serving(handler) as server:
        assert (await inspected(server)).platforms
    assert times[1] - times[0] >= 1.0
    async with serving(lambda asked: asked.answer(503, Retry_After="3600")) as server:
        with within(10), pytest.raises(RegistryError, match="503"):
            await inspected(server)
        assert len(server.asked) == 1


async def test_an_error_that_passes() -> None:
    """A 502 in between is not seen."""
    failed = False

    async def handler(asked: Asked) -> None:
        nonlocal failed
        if failed:
            await IMAGE.answer(asked)
        else:
            failed = True
            await asked.answer(502, b"<html>")

    async with serving(handler) as server:
        assert (await inspected(server)).platforms


async def test_a_connection_that_breaks_in_the_middle() -> None:
    """Fewer bytes than announced: asked again, then unreachable."""

    async def handler(asked: Asked) -> None:
        asked.begin(200, {"Content-Length": "1000"})
        asked.writer.write(b"{")
        asked.writer.close()

    async with serving(handler) as server:
        with pytest.raises(RegistryUnreachable, match="broke before"):
            await inspected(server)
        assert len(server.asked) == QUICK.retry.attempts


async def test_no_more_connections_than_allowed() -> None:
    """However many questions there are at once."""
    now = most = 0

    async def handler(asked: Asked) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        await IMAGE.answer(asked)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=ConnectionLimits(connections=3)) as client:
        reference = Reference.parse(f"{server.host}/ml/x:1")
        await asyncio.gather(*(inspect(client, reference) for _ in range(20)))
    assert most == 3


async def test_a_slow_registry_does_not_delay_another() -> None:
    """Connections are limited by host."""

    async def stall(asked: Asked) -> None:
        await asyncio.sleep(30)

    limits = ConnectionLimits(connections=1, answer_seconds=30, retry=RetryPolicy(attempts=1))
    async with (
        serving(stall) as slow,
        serving(IMAGE.answer) as quick,
        RegistryClient(LOOPBACK, limits=limits) as client,
    ):
        waiting = [asyncio.create_task(inspect(client, Reference.parse(f"{slow.host}/ml/x:{n}"))) for n in range(3)]
        await asyncio.sleep(0.05)
        with within(15):
            await inspect(client, Reference.parse(f"{quick.host}/ml/x:1"))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_registry_that_accepts_and_says_nothing() -> None:
    """A check ends in its own time, whatever HEAD and GET would wait."""

    async def silent(asked: Asked) -> None:
        await asyncio.sleep(30)

    async with serving(silent) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        with within(5):
            result = await resolve_digest(client, Reference.parse(f"{server.host}/ml/x:1"), seconds=0.3)
    assert (result.digest, result.code, result.of_registry) == (None, "registry_timeout", True)
