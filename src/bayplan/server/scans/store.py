"""Stored scans, each under the digest of the image for one platform, and their facts as those of the images that have the digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import image_facts, tables
from bayplan.db.change_entry import SCANS, ChangeEntry, FieldChanges
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.principal import Principal
from bayplan.domain.facts import PLATFORM_FACTS, SCAN, facts_from_scans

_SCANS, _PLATFORMS, _INSPECTIONS = tables.scans, tables.image_platforms, tables.inspections
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScanKey:
    """The digest of an image for one platform; or that of an index that no stored inspection has, with the architecture."""

    digest: str
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan to store: who made it and when, and its content as its columns."""

    content: Mapping[str, Any]
    scanned: str
    scanned_by: str
    by_worker: bool


async def key_of(db: Database, digest: str, architecture: str | None) -> ScanKey:
    """Gives the key under which the scan of that digest is stored: an index's is that of its platform, where an inspection has both."""
    of_platform = await fetch_all(db, sa.select(_PLATFORMS.c.digest).where(_PLATFORMS.c.digest == digest).limit(1))
    if of_platform:
        return ScanKey(digest)
    statement = (
        sa.select(_PLATFORMS.c.digest, _PLATFORMS.c.architecture)
        .join(_INSPECTIONS, _INSPECTIONS.c.image == _PLATFORMS.c.image)
        .where(_INSPECTIONS.c.digest == digest)
    )
    if architecture is not None:
        statement = statement.where(_PLATFORMS.c.architecture == architecture)
    digests = {row.digest for row in await fetch_all(db, statement)}
    return ScanKey(digests.pop()) if len(digests) == 1 else ScanKey(digest, architecture or "")


async def load(db: Database, key: ScanKey) -> Object | None:
    """Gives a stored scan by its columns, None where there is none; of an index any, where the key names no architecture."""
    statement = sa.select(_SCANS).where(_SCANS.c.digest == key.digest)
    if key.architecture:
        statement = statement.where(_SCANS.c.architecture == key.architecture)
    rows = await fetch_all(db, statement.order_by(_SCANS.c.architecture).limit(1))
    return dict(rows[0]._mapping) if rows else None


async def keep_unless_there(db: Database, by: Principal | None, key: ScanKey, scan: Scan) -> Object:
    """Stores a scan, unless there is one that need not give way; gives the one that is stored then."""
    stored = await load(db, key)
    if stored is None or _gives_way(stored, scan):
        async with db.write(by=by) as tx:
            await keep(tx, key, scan)
        stored = await load(db, key)
        assert stored is not None, "scans are not removed"
    return stored


def _gives_way(stored: Mapping[str, Any], scan: Scan) -> bool:
    """Whether a stored scan gives way: to a later reader's, and a worker's to one that staff asked for."""
    return scan.content["reader"] > stored["reader"] or (bool(stored["by_worker"]) and not scan.by_worker)


async def keep(tx: Transaction, key: ScanKey, scan: Scan) -> None:
    """Stores a scan in place of an earlier one, and its facts as those of every image that has the digest."""
    of_key = (_SCANS.c.digest == key.digest, _SCANS.c.architecture == key.architecture)
    await tx.execute(sa.delete(_SCANS).where(*of_key))
    values = {"scanned": scan.scanned, "scanned_by": scan.scanned_by, "by_worker": scan.by_worker, **scan.content}
    await tx.execute(sa.insert(_SCANS), {"digest": key.digest, "architecture": key.architecture, **values})
    tx.entries.append(ChangeEntry(SCANS, None, "scan", {"digest": (None, key.digest)}))
    statement = (
        sa.select(_PLATFORMS.c.image)
        .join(_INSPECTIONS, _INSPECTIONS.c.image == _PLATFORMS.c.image)
        .where(sa.or_(_PLATFORMS.c.digest == key.digest, _INSPECTIONS.c.digest == key.digest))
        .distinct()
        .order_by(_PLATFORMS.c.image)
    )
    for (image,) in await tx.fetch(statement):
        changes = await use_scans(tx, image)
        if changes:
            tx.entries.append(ChangeEntry("docker", image, "scan", changes))


_SCANS_OF_IMAGES = (
    sa.select(_PLATFORMS.c.architecture, _SCANS.c.facts)
    .join(_INSPECTIONS, _INSPECTIONS.c.image == _PLATFORMS.c.image)
    .outerjoin(
        _SCANS,
        sa.or_(
            sa.and_(_SCANS.c.digest == _PLATFORMS.c.digest, _SCANS.c.architecture == ""),
            sa.and_(_SCANS.c.digest == _INSPECTIONS.c.digest, _SCANS.c.architecture == _PLATFORMS.c.architecture),
        ),
    )
    .order_by(_PLATFORMS.c.position)
)


async def use_scans(tx: Transaction, image: int) -> FieldChanges:
    """Puts the facts of the scans of an image's platforms in place of those that it has; gives what changed, for the change log."""
    rows = await tx.fetch(_SCANS_OF_IMAGES.where(_PLATFORMS.c.image == image))
    facts = facts_from_scans((row.architecture, _values(row.facts or {})) for row in rows)
    old = await tx.fetch(sa.select(_INSPECTIONS.c.scanned_by_architecture).where(_INSPECTIONS.c.image == image))
    changes = dict(await image_facts.replace(tx, image, SCAN, facts.facts))
    by_architecture = dict(facts.by_architecture) or None
    if old and old[0][0] != by_architecture:
        await tx.execute(
            sa.update(_INSPECTIONS).where(_INSPECTIONS.c.image == image).values(scanned_by_architecture=by_architecture)
        )
        changes |= image_facts.differences(_flat(old[0][0]), _flat(by_architecture))
    return changes


def _values(facts: Mapping[str, Mapping[str, Any]]) -> Object:
    return {name: facts[name]["value"] for name in PLATFORM_FACTS if name in facts}


def _flat(by_architecture: Mapping[str, Mapping[str, Any]] | None) -> Object:
    return {
        f"{architecture}.{name}": value
        for architecture, facts in (by_architecture or {}).items()
        for name, value in facts.items()
    }


async def scans_of(db: Database, image: int) -> Sequence[Object]:
    """Gives the platforms of an image in the order of its inspection, each with its scan's facts, None where it has none."""
    rows = await fetch_all(db, _SCANS_OF_IMAGES.where(_PLATFORMS.c.image == image))
    return [dict(row._mapping) for row in rows]


async def platforms_of(db: Database, image: int) -> list[tuple[str | None, str]]:
    """Gives architecture and digest of each platform of an image, in the order of its inspection."""
    statement = sa.select(_PLATFORMS.c.architecture, _PLATFORMS.c.digest).where(_PLATFORMS.c.image == image)
    rows = await fetch_all(db, statement.order_by(_PLATFORMS.c.position))
    return [(row.architecture, row.digest) for row in rows]


async def is_in_catalogue(db: Database, digest: str) -> bool:
    """Whether an image of the catalogue is known to have that digest: by its inspection, or by its check."""
    for column in (_PLATFORMS.c.digest, _INSPECTIONS.c.digest, tables.checks.c.digest):
        if await fetch_all(db, sa.select(column).where(column == digest).limit(1)):
            return True
    return False
