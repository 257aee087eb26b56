"""The images that are out of date, worked out once for a version of the catalogue and a day.

Inventories move no version: whether some worker has an image is read for each question.
"""

import asyncio
import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.as_of import AsOf
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database
from bayplan.domain.compatibility.image import Image
from bayplan.domain.outdated import OutdatedCode, OutdatedReason, end_of_life
from bayplan.domain.superseding import VersionedImage, superseded
from bayplan.domain.versions import sort_key
from bayplan.server.matching.queries import CatalogueSnapshot, Judge, today

_IMAGES, _INVENTORIES = tables.images.c, tables.holdings.c
_ADDED = CompiledStatement(sa.select(_IMAGES.pk, _IMAGES.creation_time).where(_IMAGES.deletion_time.is_(None)))
_REPORTED = CompiledStatement(sa.select(_INVENTORIES.image).limit(1))
_HELD = sa.exists().where(_INVENTORIES.image == _IMAGES.pk, _INVENTORIES.state.in_(("held", "removing")))
_IN_SOME = CompiledStatement(sa.select(_IMAGES.pk).where(_HELD))
_DAY = len("2026-11-29")
_NOWHERE = OutdatedReason(OutdatedCode.RUNS_NOWHERE, "It runs on no node.")
_IN_NONE = OutdatedReason(OutdatedCode.IN_NO_INVENTORY, "No worker has it in its image inventory.")


@dataclass(frozen=True, slots=True)
class AgedImage:
    """An image with its reasons, which may be none; the image to use in its place, and on how many nodes it runs."""

    pk: int
    name: str
    version: str
    reasons: tuple[OutdatedReason, ...]
    use: int | None
    nodes: int


@dataclass(frozen=True, slots=True)
class AgedImages:
    """All images that are not deleted, by name and version, with the reasons that do not go by inventories."""

    version: int
    images: Sequence[AgedImage]
    names: Mapping[int, tuple[str, str]]
    nodes: int
    """The number of nodes."""


class RunningNodes(Protocol):
    """On how many nodes images run."""

    async def nodes(self, version: int) -> int:
        """Gives the number of nodes as of `version` or a later one."""
        ...

    async def running_nodes(self, pks: Collection[int], version: int) -> dict[int, int]:
        """Gives for each of these images on how many nodes it runs."""
        ...


class OutdatedImages:
    """The images of one database that are out of date."""

    def __init__(self, db: Database, judge: Judge, kinds: RunningNodes) -> None:
        self._db, self._judge, self._kinds = db, judge, kinds
        self._latest: AsOf[AgedImages] = AsOf(self._update)
        self._day: datetime.date | None = None

    async def at(self, version: int) -> AgedImages:
        """Gives the images as of `version` or a later one."""
        if self._day != today():
            self._day = today()
            self._latest.forget()
        return await self._latest.at(version)

    async def inventories(self) -> frozenset[int] | None:
        """Gives the images that some worker has; None where no worker has reported an inventory."""
        if not await self._db.fetch(_REPORTED, len):
            return None
        return await self._db.fetch(_IN_SOME, lambda rows: frozenset(row[0] for row in rows))

    async def _update(self, _last: AgedImages | None, _version: int) -> tuple[AgedImages, int]:
        catalogue = await self._judge.snapshot()
        added: Mapping[int, str] = await self._db.fetch(_ADDED, lambda rows: {row[0]: row[1] for row in rows})
        nodes = await self._kinds.nodes(catalogue.version)
        pks = [entry[2] for entry in catalogue.index.order.entries]
        running = await self._kinds.running_nodes(pks, catalogue.version) if nodes else {}
        work = await asyncio.to_thread(_aged, catalogue, added, running, nodes, today())
        return work, catalogue.version


def with_inventory(image: AgedImage, inventories: frozenset[int] | None) -> Sequence[OutdatedReason]:
    """Gives all reasons of an image, those that weigh most first."""
    if inventories is None or image.pk in inventories:
        return image.reasons
    return (*image.reasons, _IN_NONE)


def _aged(
    catalogue: CatalogueSnapshot,
    added: Mapping[int, str],
    running: Mapping[int, int],
    nodes: int,
    day: datetime.date,
) -> AgedImages:
    entries = catalogue.index.order.entries
    names = {pk: name for _, _, pk, _, name in entries}
    newer = superseded(
        VersionedImage(
            pk,
            *name,
            added.get(pk, "~"),
            (requirements.accelerator or "cuda") if requirements.uses_gpu else None,
            is_usable=_is_usable(catalogue.images[pk], day),
        )
        for _, _, pk, requirements, name in entries
    )
    aged = []
    for pk, name in names.items():
        image = catalogue.images[pk]
        reasons = []
        if (ends := end_of_life(image.end_of_life, day)) is not None:
            reasons.append(ends)
        if image.deprecation is not None:
            why = "" if image.deprecation.why is None else f": {image.deprecation.why.strip().rstrip('.')}"
            detail = f"It is deprecated since {image.deprecation.since}{why}."
            reasons.append(OutdatedReason(OutdatedCode.DEPRECATED, detail, since=image.deprecation.since))
        replaced = newer.get(pk)
        if replaced is not None:
            detail = f"{name[0]} {names[replaced.newest][1]} is newer."
            since = None if replaced.since == "~" else datetime.date.fromisoformat(replaced.since[:_DAY])
            reasons.append(OutdatedReason(OutdatedCode.SUPERSEDED, detail, since=since))
        if nodes and not running.get(pk, 0):
            reasons.append(_NOWHERE)
        use = catalogue.successors.get(pk)
        if use not in names:
            use = None if replaced is None else replaced.newest
        aged.append(AgedImage(pk, *name, tuple(reasons), use, running.get(pk, 0)))
    aged.sort(key=lambda image: (image.name.casefold(), image.name, sort_key(image.version), image.pk))
    return AgedImages(catalogue.version, aged, names, nodes)


def _is_usable(image: Image, day: datetime.date) -> bool:
    """Whether an image may take the place of another."""
    is_past = image.end_of_life is not None and image.end_of_life < day
    return not (is_past or image.withdrawn_reason or image.deprecation or image.missing_in_registry)
