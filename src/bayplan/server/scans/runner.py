"""Makes the scans that staff ask for, one after the other in each server process, until it is stopped."""

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bayplan.clock import Clock, timestamp
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.db.keyring import Keyring
from bayplan.domain.reference import Reference, check_agreement, located
from bayplan.errors import BayplanError
from bayplan.scan.errors import ScanFailed
from bayplan.schemas.scans import ScanReport
from bayplan.server.audit import queries as audit_queries
from bayplan.server.outages import Outages
from bayplan.server.registries import Registries
from bayplan.server.scans import jobs, store
from bayplan.server.scans.jobs import ScanClaim
from bayplan.server.scans.read_image import read_image
from bayplan.server.scans.store import Scan, ScanKey

_log = logging.getLogger("bayplan")

AUDITED_AS = "scan"
_POLL_SECONDS = 5.0
_PROGRESS_SECONDS = 1.0
_LEASE_SECONDS = 60.0
MOST_SCAN_SECONDS = 3 * 3_600.0


class ScanRunner:
    """The scans of this process."""

    def __init__(
        self,
        db: Database,
        outages: Outages,
        keyring: Keyring,
        registries: Registries,
        clock: Clock,
    ) -> None:
        self._db = db
        self._outages = outages
        self._keyring = keyring
        self._registries = registries
        self._clock = clock
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._bytes = (0, 0)

    def start(self) -> None:
        """Starts it."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Makes it look for scans at once."""
        self._woken.set()

    async def stop(self) -> None:
        """Stops it; a scan that has not ended waits for another process, or for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                job = await jobs.claim(self._db, self._now(), self._now(_LEASE_SECONDS))
                if job is not None:
                    await self._make(job)
                    continue
            except DatabaseUnavailable as error:
                self._outages.report(error)
            except Exception:
                _log.exception("A scan could not be made")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()
            self._woken.clear()

    async def _make(self, job: ScanClaim) -> None:
        """Makes a scan, and stores how it ended."""
        telling = asyncio.create_task(self._tell(job))
        end: dict[str, Any] = {"state": "failed"}
        try:
            await self._scan(job)
            end = {"state": "done", "bytes_done": self._bytes[1], "bytes_total": self._bytes[1]}
        except asyncio.CancelledError:
            end = {"state": "waiting", "bytes_done": 0}
            raise
        except DatabaseUnavailable:
            end = {"state": "waiting", "bytes_done": 0}  # as far as the database is back by then; else its lease ends
            raise
        except BayplanError as error:
            if error.detail != error.public_detail:
                _log.warning("The scan of the docker image with pk %d: %s", job.image, error.detail)
            end |= {"code": error.code, "detail": error.public_detail}
        except Exception:
            _log.exception("The scan of the docker image with pk %d failed", job.image)
            end |= {
                "code": "internal",
                "detail": "The scan failed by a fault of bayplan. The server's log has the details.",
            }
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            with contextlib.suppress(DatabaseUnavailable):
                finished = None if end["state"] == "waiting" else self._now()
                await jobs.change(self._db, job, leased=None, finished=finished, **end)

    async def _scan(self, job: ScanClaim) -> None:
        self._bytes = (0, 0)
        check_agreement(job.url, job.registry)
        reference: Reference = replace(located(job.url, job.registry), tag=None, digest=job.digest)
        password = None if job.password is None else self._keyring.decrypt(job.password)
        if password is not None:
            entry = audit_queries.AuditRecord("registry", reference.registry, None, AUDITED_AS, [job.image])
            async with self._db.write(moves=False) as tx:
                await audit_queries.record(tx, self._now(), [entry])
        try:
            async with asyncio.timeout(MOST_SCAN_SECONDS):
                report = await read_image(
                    self._db, self._registries, reference, job.username, password, self._now, self._note_progress
                )
        except TimeoutError:
            raise ScanFailed(
                f"The scan took longer than {MOST_SCAN_SECONDS / 3600:g} h. Start it again: it goes on after the layers "
                "that were read."
            ) from None
        content = ScanReport.model_validate(report).model_dump(exclude={"architecture"})
        scan = Scan(content, self._now(), job.asked_by, by_worker=False)
        await store.keep_unless_there(self._db, None, ScanKey(job.digest), scan)

    def _note_progress(self, done: int, total: int) -> None:
        self._bytes = (done, total)

    async def _tell(self, job: ScanClaim) -> None:
        """Stores how far a scan is, and keeps its lease."""
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            done, total = self._bytes
            with contextlib.suppress(DatabaseUnavailable):
                await jobs.change(
                    self._db, job, bytes_done=done, bytes_total=total or None, leased=self._now(_LEASE_SECONDS)
                )

    def _now(self, later_seconds: float = 0.0) -> str:
        return timestamp(self._clock() + timedelta(seconds=later_seconds))
