"""The images that are out of date, worked out once for a version of the catalogue and a day.

Inventories move no version: whether some worker has an image is read for each question.
"""

import asyncio
import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.as_of import AsOf
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database
from bayplan.domain.compatibility.bits import Bits
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
_NOT_KNOWN = "~"
"""A moment after all others."""
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


class CountedKinds(Protocol):
    """Kinds of nodes, each with its number of nodes."""

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        ...

    def nodes_of(self, kinds: Bits) -> int:
        """The number of nodes of the kinds at these places."""
        ...


class RunningKinds(Protocol):
    """On which kinds of nodes images run."""

    async def running_kinds(self, pks: Collection[int], version: int) -> tuple[CountedKinds, dict[int, Bits]]:
        """Gives the kinds as of `version` or a later one, and for each of these images the places of those that run it."""
        ...


class OutdatedImages:
    """The images of one database that are out of date."""

    def __init__(self, db: Database, judge: Judge, kinds: RunningKinds) -> None:
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
        pks = [entry[2] for entry in catalogue.index.order.entries]
        fleet, running = await self._kinds.running_kinds(pks, catalogue.version)
        work = await asyncio.to_thread(_aged, catalogue, added, fleet, running, today())
        return work, catalogue.version


def with_inventory(image: AgedImage, inventories: frozenset[int] | None) -> Sequence[OutdatedReason]:
    """Gives all reasons of an image, those that weigh most first."""
    if inventories is None or image.pk in inventories:
        return image.reasons
    return (*image.reasons, _IN_NONE)


def _aged(
    catalogue: CatalogueSnapshot,
    added: Mapping[int, str],
    fleet: CountedKinds,
    running: Mapping[int, Bits],
    day: datetime.date,
) -> AgedImages:
    names = {pk: name for _, _, pk, _, name in catalogue.index.order.entries}
    tasks = _tasks(catalogue)
    newer = superseded(_versioned(catalogue, added, tasks, running, day))
    nodes_of = {kinds: fleet.nodes_of(kinds) for kinds in set(running.values())}
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
            newest = replaced.use or replaced.newest
            detail = f"{name[0]} {names[newest][1]} is newer"
            if replaced.use is None:
                without = fleet.nodes_of(running[pk] & ~running[newest])
                but = f"does not run on {without:,} of the nodes that run this image"
                if lacking := sorted(tasks[pk] - tasks[newest]):
                    but = f"is not for {', '.join(lacking)}"
                detail += f", but {but}"
            since = None if replaced.since == _NOT_KNOWN else datetime.date.fromisoformat(replaced.since[:_DAY])
            reasons.append(OutdatedReason(OutdatedCode.SUPERSEDED, f"{detail}.", since=since))
        if fleet.nodes and not running[pk]:
            reasons.append(_NOWHERE)
        use = catalogue.successors.get(pk)
        if use not in names:
            use = None if replaced is None else replaced.use
        aged.append(AgedImage(pk, *name, tuple(reasons), use, nodes_of[running[pk]]))
    aged.sort(key=lambda image: (image.name.casefold(), image.name, sort_key(image.version), image.pk))
    return AgedImages(catalogue.version, aged, names, fleet.nodes)


def _versioned(
    catalogue: CatalogueSnapshot,
    added: Mapping[int, str],
    tasks: Mapping[int, frozenset[str]],
    running: Mapping[int, Bits],
    day: datetime.date,
) -> Iterator[VersionedImage]:
    for _, _, pk, requirements, name in catalogue.index.order.entries:
        image = catalogue.images[pk]
        yield VersionedImage(
            pk,
            *name,
            added.get(pk, _NOT_KNOWN),
            image.framework and image.framework.casefold(),
            (requirements.accelerator or "cuda") if requirements.uses_gpu else None,
            frozenset(requirements.platforms),
            tasks[pk],
            running[pk],
            is_usable=_is_usable(image, day),
        )


def _tasks(catalogue: CatalogueSnapshot) -> Mapping[int, frozenset[str]]:
    index = catalogue.index
    tasks: dict[int, frozenset[str]] = dict.fromkeys(index.pks(index.every), frozenset())
    for task, images in index.attributes["task"].split(index.every):
        for pk in index.pks(images):
            tasks[pk] |= {task.casefold()}
    return tasks


def _is_usable(image: Image, day: datetime.date) -> bool:
    """Whether an image may take the place of another."""
    is_past = image.end_of_life is not None and image.end_of_life < day
    return not (is_past or image.withdrawn_reason or image.deprecation or image.missing_in_registry)
