"""The images that are out of date, worked out once for a version of the catalogue and a day.

After a write to images, only those of the names that it changed are worked out anew: all reasons of an image go by the images of
its name, by its successor, and by the nodes. Inventories move no version: whether some worker has an image is read for each
question.
"""

import asyncio
import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.as_of import AsOf
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database
from bayplan.domain.compatibility.bits import Bits
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.order import Entry
from bayplan.domain.outdated import OutdatedCode, OutdatedReason, end_of_life
from bayplan.domain.superseding import VersionedImage, superseded
from bayplan.domain.versions import sort_key
from bayplan.server.matching.queries import CatalogueSnapshot, Judge, today

_IMAGES, _INVENTORIES = tables.images.c, tables.holdings.c
_ADDED = CompiledStatement(sa.select(_IMAGES.pk, _IMAGES.creation_time).where(is_one_of(_IMAGES.pk)))
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


class CountedKinds(Protocol):
    """Kinds of nodes, each with its number of nodes."""

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        ...

    def nodes_of(self, kinds: Bits) -> int:
        """The number of nodes of the kinds at these places."""
        ...


@dataclass(frozen=True, slots=True)
class AgedImages:
    """All images that are not deleted, by name and version, with the reasons that do not go by inventories.

    The rest is what they were worked out from, by which the next ones are told apart.
    """

    version: int
    day: datetime.date
    images: Sequence[AgedImage]
    names: Mapping[int, tuple[str, str]]
    by_name: Mapping[str, Sequence[AgedImage]]
    entries: Mapping[int, Entry]
    successors: Mapping[int, int]
    fleet: CountedKinds

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return self.fleet.nodes


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

    async def _update(self, last: AgedImages | None, _version: int) -> tuple[AgedImages, int]:
        catalogue, day = await self._judge.snapshot(), today()
        entries = {entry[2]: entry for entry in catalogue.index.order.entries}
        kept: dict[str, Sequence[AgedImage]] = {}
        if last is not None and last.day == day:
            changed = _changed_names(last, entries, catalogue.successors)
            kept = {name: images for name, images in last.by_name.items() if name not in changed}
        pks = [pk for pk, entry in entries.items() if entry[4][0] not in kept]
        fleet, running = await self._kinds.running_kinds(pks, catalogue.version)
        if kept and last is not None and fleet is not last.fleet:
            kept, pks = {}, list(entries)
            fleet, running = await self._kinds.running_kinds(pks, catalogue.version)
        added = await self._db.fetch(_ADDED, lambda rows: {row[0]: row[1] for row in rows}, pks_parameter(pks))

        def work() -> AgedImages:
            by_name = {**kept, **_aged(catalogue, {pk: entries[pk] for pk in pks}, entries, added, fleet, running, day)}
            ordered = sorted(by_name, key=lambda name: (name.casefold(), name))
            images = [image for name in ordered for image in by_name[name]]
            names = {pk: entry[4] for pk, entry in entries.items()}
            return AgedImages(catalogue.version, day, images, names, by_name, entries, catalogue.successors, fleet)

        return await asyncio.to_thread(work), catalogue.version


def with_inventory(image: AgedImage, inventories: frozenset[int] | None) -> Sequence[OutdatedReason]:
    """Gives all reasons of an image, those that weigh most first."""
    if inventories is None or image.pk in inventories:
        return image.reasons
    return (*image.reasons, _IN_NONE)


def _changed_names(last: AgedImages, entries: Mapping[int, Entry], successors: Mapping[int, int]) -> Collection[str]:
    """The names of images that are not what they were: of these that have another entry or another successor."""
    # An entry is made anew where anything changes that the judge reads of an image, its name and its tasks too.
    changed = {pk for pk, entry in entries.items() if last.entries.get(pk) is not entry}
    changed |= last.entries.keys() - entries.keys()
    changed |= {pk for pk, _ in successors.items() ^ last.successors.items()}  # a deleted image is nobody's successor
    return {of[pk][4][0] for of in (entries, last.entries) for pk in changed if pk in of}


def _aged(
    catalogue: CatalogueSnapshot,
    entries: Mapping[int, Entry],
    existing: Collection[int],
    added: Mapping[int, str],
    fleet: CountedKinds,
    running: Mapping[int, Bits],
    day: datetime.date,
) -> Mapping[str, Sequence[AgedImage]]:
    """The images with these entries by name, in the order of their versions: of each name all that are `existing`, or none."""
    names = {pk: entry[4] for pk, entry in entries.items()}
    tasks = _tasks(catalogue, entries)
    newer = superseded(_versioned(catalogue, entries.values(), added, tasks, running, day))
    nodes_of = cache(fleet.nodes_of)
    by_name: dict[str, list[AgedImage]] = {}
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
                without = nodes_of(running[pk] & ~running[newest])
                but = f"does not run on {without:,} of the nodes that run this image"
                if lacking := sorted(tasks[pk] - tasks[newest]):
                    but = f"is not for {', '.join(lacking)}"
                detail += f", but {but}"
            since = None if replaced.since == _NOT_KNOWN else datetime.date.fromisoformat(replaced.since[:_DAY])
            reasons.append(OutdatedReason(OutdatedCode.SUPERSEDED, f"{detail}.", since=since))
        if fleet.nodes and not running[pk]:
            reasons.append(_NOWHERE)
        use = catalogue.successors.get(pk)
        if use not in existing:
            use = None if replaced is None else replaced.use
        aged = AgedImage(pk, *name, tuple(reasons), use, nodes_of(running[pk]))
        by_name.setdefault(name[0], []).append(aged)
    for images in by_name.values():
        images.sort(key=lambda image: (sort_key(image.version), image.pk))
    return by_name


def _versioned(
    catalogue: CatalogueSnapshot,
    entries: Iterable[Entry],
    added: Mapping[int, str],
    tasks: Mapping[int, frozenset[str]],
    running: Mapping[int, Bits],
    day: datetime.date,
) -> Iterator[VersionedImage]:
    for _, _, pk, requirements, name in entries:
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


def _tasks(catalogue: CatalogueSnapshot, pks: Collection[int]) -> Mapping[int, frozenset[str]]:
    index = catalogue.index
    tasks: dict[int, frozenset[str]] = dict.fromkeys(pks, frozenset())
    for task, images in index.attributes["task"].split(index.images_of(pks)):
        for pk in index.pks(images):
            tasks[pk] |= {task.casefold()}
    return tasks


def _is_usable(image: Image, day: datetime.date) -> bool:
    """Whether an image may take the place of another."""
    is_past = image.end_of_life is not None and image.end_of_life < day
    return not (is_past or image.withdrawn_reason or image.deprecation or image.missing_in_registry)
