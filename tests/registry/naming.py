"""A program that asks registries by names which tests make up; `test_names.py` starts it with a resolver of its own."""

import asyncio
import sys

from bayplan.domain.reference import Reference
from bayplan.registry.address import AddressPolicy
from bayplan.registry.client import RegistryClient
from tests.registry.asking import IMAGE
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import serving

HANGING = 100


async def hanging() -> None:
    """Asks many registries whose names are never found, then one that answers, then for a thread."""
    async with serving(IMAGE.answer) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        names = [Reference.parse(f"r{number}.hangs.test/ml/x:1") for number in range(HANGING)]
        waiting = [asyncio.create_task(client.digest(name)) for name in names]
        await asyncio.sleep(0)
        digest = await client.digest(Reference.parse(f"{server.host}/ml/x:1"))
        await asyncio.to_thread(print, digest)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def two() -> None:
    """Asks a registry again and again at whose first address nobody listens."""
    async with serving(IMAGE.answer) as server:
        access = AddressPolicy.of(["127.0.0.0/8"], [f"two.test:{server.port}"])
        async with RegistryClient(access, limits=QUICK) as client:
            for _ in range(5):
                await client.manifest(Reference.parse(f"two.test:{server.port}/ml/x:1"))
        print(len({asked.writer.get_extra_info("peername") for asked in server.asked}))


asyncio.run({"hanging": hanging, "two": two}[sys.argv[1]]())
