"""The scans that staff asked for, in the database: whichever process has a free place claims one, for as long as its lease.

A process that dies loses its lease, and the scan begins anew in another, or after the next start.
"""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all

_JOBS, _IMAGES = tables.scan_jobs, tables.images
Object = dict[str, Any]

_SHOWN = (
    *("image", "digest", "architecture", "state", "asked", "asked_by", "bytes_done", "bytes_total"),
    *("finished", "code", "detail"),
)
_OPEN = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class ScanClaim:
    """A scan to make: of which image, for which platform, and the credentials. No text form has the encrypted password."""

    image: int
    digest: str
    url: str
    registry: str
    asked: str
    asked_by: str
    username: str | None
    password: str | None = field(repr=False)


async def load(db: Database, image: int) -> Object | None:
    """Gives the last scan of an image that was asked for, None where there is none."""
    rows = await fetch_all(db, sa.select(*(_JOBS.c[name] for name in _SHOWN)).where(_JOBS.c.image == image))
    return {name: rows[0]._mapping[name] for name in _SHOWN} if rows else None


async def request(db: Database, image: int, digest: str, architecture: str | None, asked: str, asked_by: str) -> None:
    """Asks for a scan, in place of the last one; one of the same digest that has not ended goes on."""
    async with db.write(moves=False) as tx:
        same = (_JOBS.c.image == image, _JOBS.c.digest == digest, _JOBS.c.state.in_(_OPEN))
        if await tx.fetch(sa.select(_JOBS.c.image).where(*same)):
            return
        await tx.execute(sa.delete(_JOBS).where(_JOBS.c.image == image))
        job = {
            "image": image,
            "digest": digest,
            "architecture": architecture,
            "state": "waiting",
            "asked": asked,
            "asked_by": asked_by,
            "bytes_done": 0,
        }
        await tx.execute(sa.insert(_JOBS), job)


async def claim(db: Database, now: str, leased: str) -> ScanClaim | None:
    """Claims the scan that has waited longest, until `leased`; one whose process lost its lease waits too."""
    is_due = sa.or_(_JOBS.c.state == "waiting", sa.and_(_JOBS.c.state == "running", _JOBS.c.leased < now))
    if not await fetch_all(db, sa.select(_JOBS.c.image).where(is_due).limit(1)):
        return None
    statement = (
        sa.select(
            *(_JOBS.c[name] for name in ("image", "digest", "asked", "asked_by")),
            *(_IMAGES.c[name] for name in ("url", "registry", "registry_username", "registry_password")),
        )
        .join(_IMAGES, _IMAGES.c.pk == _JOBS.c.image)
        .where(is_due)
        .order_by(_JOBS.c.asked, _JOBS.c.image)
        .limit(1)
        .with_for_update(of=_JOBS, skip_locked=True)
    )
    async with db.write(moves=False) as tx:
        rows = await tx.fetch(statement)
        if not rows:
            return None
        row = rows[0]
        running = {"state": "running", "leased": leased, "bytes_done": 0}
        await tx.execute(sa.update(_JOBS).where(_JOBS.c.image == row.image).values(running))
    return ScanClaim(
        row.image,
        row.digest,
        row.url,
        row.registry,
        row.asked,
        row.asked_by,
        row.registry_username,
        row.registry_password,
    )


async def change(db: Database, job: ScanClaim, **values: Any) -> None:
    """Changes what is stored of a claimed scan, unless another was asked for meanwhile."""
    same = (_JOBS.c.image == job.image, _JOBS.c.digest == job.digest, _JOBS.c.asked == job.asked)
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(_JOBS).where(*same).values(values))
