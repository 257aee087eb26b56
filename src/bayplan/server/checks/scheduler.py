"""The background check: keeps what the catalogue says of its images true, by looking at each again and again.

It lives in the server process, and shares its work with all processes on the same database by claims. While nothing is
due it costs a query or two every few seconds; it ends with the server, and never before: a database that is away is waited for.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from bayplan.clock import now, timestamp
from bayplan.config import Settings
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.db.keyring import Keyring
from bayplan.domain.check_state import CheckState, wait_seconds
from bayplan.errors import BayplanError
from bayplan.server.checks import queue as check_queue
from bayplan.server.checks import store as check_store
from bayplan.server.checks.check_one import check_one
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.registry_queue import RegistryQueue
from bayplan.server.checks.store import CompletedCheck
from bayplan.server.registries import Registries

_log = logging.getLogger("bayplan")

POLL_SECONDS = 2.0
SWEEP_SECONDS = 60.0
"""How often it is looked for images that have no time; whenever the catalogue has changed besides."""
SOON_SECONDS = 30.0
LINGER_SECONDS = 1.0
"""How long results wait for others to be written with; changes move the catalogue's version once for all of them."""
MOST_AT_ONCE = 500
MOST_ROUNDS = 200
STOP_SECONDS = 5.0


class CheckScheduler:
    """Looks at images in their registries, as they come due, until it is stopped."""

    def __init__(self, settings: Settings, db: Database, keyring: Keyring, registries: Registries) -> None:
        self._interval = settings.verify_seconds
        self._is_alone = settings.is_embedded
        # One connection to each registry is left to those who wait for an answer.
        self._width = max(1, settings.registry_concurrency - 1)
        self._db = db
        self._keyring = keyring
        self._registries = registries
        self._woken = asyncio.Event()
        self._seen: asyncio.Queue[CompletedCheck] = asyncio.Queue(2 * MOST_AT_ONCE)
        self._rounds: dict[str, tuple[RegistryQueue, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._swept: tuple[int, float] | None = None
        self._unavailable = False

    def start(self) -> None:
        """Begins."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._write())]

    def wake(self) -> None:
        """Says that something may be due."""
        self._woken.set()

    async def stop(self) -> None:
        """Ends: what was seen is written, what was claimed is given back."""
        if not self._tasks:
            return
        rounds = list(self._rounds.values())
        await _ended(self._tasks[:1] + [task for _, task in rounds])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._seen.join()
        await _ended(self._tasks)
        # A database that hangs is not waited for: what is not given back is due again when its lease is over.
        with contextlib.suppress(BayplanError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await check_queue.release(self._db, [one for done, _ in rounds for one in done.open.values()], now())

    async def check_now(self, pk: int) -> None:
        """Looks at one image at once, and stores what was seen; raises `NotFound`, and `Conflict` for a deleted one."""
        claim = await check_queue.enrol_one(self._db, pk, now())
        seen = await self._check_one(claim)
        await check_store.keep(self._db, [seen], self._due)

    async def ask(self, *, not_ok_only: bool) -> tuple[str, int]:
        """Has all images looked at, or those not known to be ok; gives from when on, and how many they are."""
        at = now()
        images = await check_queue.ask(self._db, at, not_ok_only=not_ok_only)
        self.wake()
        return at, images

    async def _check_one(self, claim: CheckClaim) -> CompletedCheck:
        return await check_one(claim, self._registries, self._keyring, self._db)

    def _due(self, seen: CompletedCheck, standing: CheckState) -> str | None:
        if not self._interval:
            return None
        begun = datetime.fromisoformat(seen.claim.moment or seen.look.at)
        been = datetime.fromisoformat(seen.look.at) - datetime.fromisoformat(standing.since or seen.look.at)
        wait = wait_seconds(standing.state, been.total_seconds(), self._interval, seen.claim.chance)
        return timestamp(begun + timedelta(seconds=wait))

    async def _run(self) -> None:
        if self._is_alone:
            await self._try(lambda: check_queue.resume(self._db, now()))
        while True:
            await self._try(self._once)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            self._woken.clear()

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except DatabaseUnavailable as error:
            if not self._unavailable:
                _log.warning("%s Images are looked at in their registries when it answers.", error.detail)
            self._unavailable = True
        except Exception:
            _log.exception("Finding out which images are to be looked at failed")
        else:
            self._unavailable = False

    async def _once(self) -> None:
        if self._interval:
            await self._sweep()
        for registry in await check_queue.registries_due(self._db, now(), asked_only=not self._interval):
            if registry not in self._rounds and len(self._rounds) < MOST_ROUNDS:
                started = RegistryQueue(
                    self._db,
                    registry,
                    self._check_one,
                    self._seen,
                    width=self._width,
                    asked_only=not self._interval,
                )
                self._rounds[registry] = started, asyncio.create_task(self._go_round(registry, started))

    async def _sweep(self) -> None:
        """Gives a time to images that have none: new ones, and those that were deleted or not on a schedule."""
        version, moment = await self._db.version(), asyncio.get_running_loop().time()
        if self._swept is not None and self._swept[0] == version and moment < self._swept[1] + SWEEP_SECONDS:
            return
        for give_times in (check_queue.enrol, check_queue.schedule):
            while await give_times(self._db, self._soon(), MOST_AT_ONCE) == MOST_AT_ONCE:
                pass
        self._swept = version, moment

    def _soon(self) -> str:
        wait = min(SOON_SECONDS, self._interval / 10) * random.random()  # noqa: S311  # jitter, no secret
        return timestamp(datetime.now(UTC) + timedelta(seconds=wait))

    async def _go_round(self, registry: str, started: RegistryQueue) -> None:
        worked = False
        try:
            worked = await started.run()
        except DatabaseUnavailable as error:
            _log.warning("%s", error.detail)
        except Exception:
            _log.exception("Looking at the images of %s failed", registry)
        finally:
            del self._rounds[registry]
        if worked:  # and more may have come due meanwhile
            self.wake()

    async def _write(self) -> None:
        while True:
            batch = [await self._seen.get()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while len(batch) < MOST_AT_ONCE:
                        batch.append(await self._seen.get())
            try:
                await self._keep(batch)
            finally:
                for _ in batch:
                    self._seen.task_done()

    async def _keep(self, batch: Sequence[CompletedCheck]) -> None:
        while True:
            try:
                news = await check_store.keep(self._db, batch, self._due)
            except DatabaseUnavailable:
                await asyncio.sleep(POLL_SECONDS)  # whoever waits for a round waits as well: what is kept is bounded
                continue
            except Exception:
                _log.exception("Writing down how images stand failed")  # they come again when their lease is over
                return
            for seen, before, standing in news:
                if standing.state != "ok" and standing.state != before.state:
                    _log.info("The docker image with pk %d is %s now", seen.claim.image, standing.state)
            return


async def _ended(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
