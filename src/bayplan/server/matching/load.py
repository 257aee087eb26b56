"""The catalogue as the judge sees it, brought up to a version by the change log."""

import asyncio
import datetime
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_log import ChangedObjects, changes_since
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.domain.compatibility.image import Deprecation, Image
from bayplan.domain.compatibility.image_facts import image_with_facts
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.facts import REGISTRY, SCAN, STAFF, SourcedFacts, by_precedence, on_architecture
from bayplan.server.snapshot import MANY_IMAGES, spare_collector

# Rows that are read at once: more would hold the event loop, and cost hundreds of megabytes while they last.
_ROWS_AT_ONCE = 300
# Changes that are worked into the index in the event loop; more are in a thread.
_LOOP_CHANGES = 20


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """What questions are answered from. `images` has the deleted ones too; `index` does not."""

    version: int
    tables: Tables
    index: CatalogueIndex
    images: Mapping[int, Image]
    facts: Mapping[int, SourcedFacts]
    missing: frozenset[int]
    """The images that their registries do not have now."""
    successors: Mapping[int, int]
    """The image to use instead of a deprecated one."""


async def load_snapshot(db: Database, shipped: Tables) -> CatalogueSnapshot:
    """Gives the catalogue as it is, in parts between which others get their turn."""
    version = await db.version()
    used = shipped.with_catalogue(
        [tuple(row) for row in await fetch_all(db, _RELEASES)],
        [tuple(row) for row in await fetch_all(db, _GENERATIONS)],
    )
    loaded = _Loaded()
    after = 0
    while True:
        rows = await db.fetch(_AFTER, _as_they_are, {"after": after})
        before = len(loaded.images) // MANY_IMAGES
        await loaded.add(db, rows)
        if len(loaded.images) // MANY_IMAGES > before:
            spare_collector()
        if len(rows) < _ROWS_AT_ONCE:
            break
        after = rows[-1][0]
        await asyncio.sleep(0)
    index = await asyncio.to_thread(CatalogueIndex.build, loaded.candidates.values(), used)
    if len(index) >= MANY_IMAGES:
        spare_collector()
    return CatalogueSnapshot(
        version, used, index, loaded.images, loaded.facts, _missing(loaded.images), loaded.successors
    )


async def update_snapshot(db: Database, last: CatalogueSnapshot) -> CatalogueSnapshot | None:
    """Gives the catalogue as it is, from an earlier one and the change log; None where it has to be loaded."""
    changed = await changes_since(db, last.version)
    if changed is None or changed.pks.keys() & _IN_TABLES:
        return None
    pks = await _changed_images(db, changed, last.successors)
    if not pks:
        return replace(last, version=changed.version)
    loaded = _Loaded()
    for at in range(0, len(pks), _ROWS_AT_ONCE):
        rows = await db.fetch(_BY_PK, _as_they_are, pks_parameter(pks[at : at + _ROWS_AT_ONCE]))
        await loaded.add(db, rows)
        await asyncio.sleep(0)
    gone = [pk for pk in pks if pk not in loaded.images]
    if len(pks) <= _LOOP_CHANGES:
        index = last.index.with_changes(loaded.candidates.values(), gone)
    else:
        index = await asyncio.to_thread(last.index.with_changes, loaded.candidates.values(), gone)
    images, facts = {**last.images, **loaded.images}, {**last.facts}
    for pk in pks:
        facts.pop(pk, None)
    for pk in gone:
        images.pop(pk, None)
    facts |= loaded.facts
    chosen = frozenset(pks)
    missing = (last.missing - chosen) | _missing(loaded.images)
    successors = {pk: successor for pk, successor in last.successors.items() if pk not in chosen} | loaded.successors
    return CatalogueSnapshot(changed.version, last.tables, index, images, facts, missing, successors)


def _missing(images: Mapping[int, Image]) -> frozenset[int]:
    return frozenset(pk for pk, image in images.items() if image.missing_in_registry)


# Releases and generations are in the judge's tables, by which every image is judged.
_IN_TABLES = {"cuda", "hardware"}
_RELEASES = sa.select(tables.cuda.c.version, tables.cuda.c.full_version, tables.cuda.c.min_driver_version)
_GENERATIONS = sa.select(
    tables.hardware.c.generation, tables.hardware.c.min_compute_capability, tables.hardware.c.max_compute_capability
)
_SUCCESSORS = tables.images.alias()
_IMAGES = (
    sa.select(
        tables.images.c.pk,
        tables.images.c.name,
        tables.images.c.version,
        sa.type_coerce(tables.images.c.tasks, sa.Text),
        tables.domains.c.name,
        tables.images.c.framework,
        tables.images.c.cuda_version,
        sa.type_coerce(tables.inspections.c.by_architecture, sa.Text),
        sa.type_coerce(tables.inspections.c.scanned_by_architecture, sa.Text),
        tables.lifecycles.c.successor,
        # What all images without facts are made of.
        tables.images.c.cpu,
        tables.cuda.c.full_version,
        tables.hardware.c.generation,
        tables.frameworks.c.name,
        tables.frameworks.c.version,
        tables.images.c.deletion_time.is_not(None),
        sa.func.coalesce(tables.checks.c.state == "missing", sa.false()),
        tables.lifecycles.c.since,
        tables.lifecycles.c.why,
        _SUCCESSORS.c.name + " " + _SUCCESSORS.c.version,
    )
    .select_from(tables.images)
    .join(tables.domains, tables.domains.c.pk == tables.images.c.domain)
    .join(tables.frameworks, tables.frameworks.c.pk == tables.images.c.framework)
    .outerjoin(tables.cuda, tables.cuda.c.pk == tables.images.c.cuda_version)
    .outerjoin(tables.hardware, tables.hardware.c.pk == tables.images.c.min_hardware_generation)
    .outerjoin(tables.inspections, tables.inspections.c.image == tables.images.c.pk)
    .outerjoin(tables.checks, tables.checks.c.image == tables.images.c.pk)
    .outerjoin(tables.lifecycles, tables.lifecycles.c.image == tables.images.c.pk)
    .outerjoin(_SUCCESSORS, _SUCCESSORS.c.pk == tables.lifecycles.c.successor)
)
_PLAIN_AT = 10
_AFTER = CompiledStatement(
    _IMAGES.where(tables.images.c.pk > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(tables.images.c.pk)
    .limit(_ROWS_AT_ONCE)
)
_BY_PK = CompiledStatement(_IMAGES.where(is_one_of(tables.images.c.pk)))
_FACTS = CompiledStatement(
    sa.select(
        tables.image_facts.c.image,
        tables.image_facts.c.name,
        tables.image_facts.c.origin,
        sa.type_coerce(tables.image_facts.c.value, sa.Text),
    ).where(is_one_of(tables.image_facts.c.image))
)
_REFERRING = {
    "domains": CompiledStatement(sa.select(tables.images.c.pk).where(is_one_of(tables.images.c.domain))),
    "frameworks": CompiledStatement(sa.select(tables.images.c.pk).where(is_one_of(tables.images.c.framework))),
}


async def _changed_images(db: Database, changed: ChangedObjects, successors: Mapping[int, int]) -> list[int]:
    """The images that changed, or whose domain, framework or successor did."""
    pks = set(changed.pks.get("docker", ()))
    pks |= {pk for pk, successor in successors.items() if successor in pks}
    for resource, statement in _REFERRING.items():
        referred = changed.pks.get(resource)
        if referred:
            rows = await db.fetch(statement, _as_they_are, pks_parameter(referred))
            pks.update(row[0] for row in rows)
    return sorted(pks)


def _as_they_are(rows: Rows) -> Rows:
    return rows


class _Loaded:
    """Images that were read, with their facts."""

    def __init__(self) -> None:
        self.images: dict[int, Image] = {}
        self.facts: dict[int, SourcedFacts] = {}
        self.candidates: dict[int, CatalogueImage] = {}
        self.successors: dict[int, int] = {}

    async def add(self, db: Database, rows: Rows) -> None:
        """Takes these rows in, with the facts of their images."""
        facts = await db.fetch(_FACTS, _facts, pks_parameter([row[0] for row in rows]))
        self.facts |= {pk: by_precedence(values) for pk, values in facts.items()}
        for row in rows:
            pk, name, version, tasks, domain, framework, cuda, *others, successor = row[:_PLAIN_AT]
            by_origin = {
                origin: orjson.loads(text) for origin, text in zip((REGISTRY, SCAN), others, strict=True) if text
            }
            image = _image(row, facts.get(pk, {}), by_origin)
            self.images[pk] = image
            if successor is not None:
                self.successors[pk] = successor
            self.candidates[pk] = CatalogueImage(
                pk, version, image, _tasks(tasks), domain, framework, cuda, sys.intern(name)
            )


@lru_cache(maxsize=1024)
def _tasks(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))


def _facts(rows: Rows) -> dict[int, dict[tuple[str, str], Any]]:
    entries: dict[int, dict[tuple[str, str], Any]] = {}
    for image, name, origin, value in rows:
        entries.setdefault(image, {})[name, origin] = orjson.loads(value)
    return entries


@lru_cache(maxsize=8192)
def _plain_image(
    cpu: bool,
    cuda: str | None,
    generation: str | None,
    framework: str,
    framework_version: str,
    deleted: bool,
    missing: bool,
    deprecated_since: str | None,
    why: str | None,
    successor: str | None,
) -> Image:
    """The image without facts: one for all that are alike."""
    return Image(
        cpu=bool(cpu),
        cuda=cuda,
        min_generation=generation,
        framework=framework,
        framework_version=framework_version,
        deleted=bool(deleted),
        missing_in_registry=bool(missing),
        deprecation=None
        if deprecated_since is None
        else Deprecation(datetime.date.fromisoformat(deprecated_since), why, successor),
    )


def _image(
    row: Any, values: Mapping[tuple[str, str], Any], by_origin: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Image:
    """The image with its facts by name and origin, and those that replace an origin's on an architecture."""
    plain = _plain_image(*row[_PLAIN_AT:])
    image = image_with_facts(plain, _values(values, plain)) if values else plain
    names = sorted({name for of_origin in by_origin.values() for name in of_origin})
    if not names:
        return image
    return replace(
        image,
        by_architecture=tuple(
            (name, image_with_facts(plain, _values(on_architecture(values, by_origin, name), plain))) for name in names
        ),
    )


def _values(values: Mapping[tuple[str, str], Any], plain: Image) -> dict[str, Any]:
    """The facts by precedence; staff's `cpu` is stronger than a need of the driver that was read from the image."""
    facts = {name: value for name, (value, _) in by_precedence(values).items()}
    if plain.cpu and ("needs_driver", STAFF) not in values:
        facts.pop("needs_driver", None)
    return facts
