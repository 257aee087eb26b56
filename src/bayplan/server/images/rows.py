"""The rows of the table of images: read once, and brought up to a version by the change log."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.as_of import AsOf
from bayplan.db.change_log import changes_since
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.facts import architecture, first_architecture
from bayplan.domain.reference import located
from bayplan.errors import Invalid
from bayplan.server.images.table import DELETED, ImageRow, ImageTable
from bayplan.server.matching.queries import CatalogueSnapshot, Judge

UNCHECKED = "unchecked"
_ROWS_AT_ONCE = 300
# What images show by name: where one changes, all rows are read again.
_REFERRED = frozenset(("cuda", "hardware", "frameworks", "domains", "licences"))
_IMAGES, _CHECKS = tables.images, tables.checks
_STATEMENT = (
    sa.select(
        _IMAGES.c.pk,
        _IMAGES.c.name,
        _IMAGES.c.version,
        _IMAGES.c.url,
        _IMAGES.c.registry,
        tables.frameworks.c.name,
        tables.frameworks.c.version,
        tables.cuda.c.full_version,
        tables.domains.c.name,
        sa.type_coerce(_IMAGES.c.tasks, sa.Text),
        tables.licences.c.name,
        _CHECKS.c.state,
        _IMAGES.c.deletion_time,
        sa.type_coerce(tables.inspections.c.platforms, sa.Text),
    )
    .select_from(_IMAGES)
    .join(tables.frameworks, tables.frameworks.c.pk == _IMAGES.c.framework)
    .join(tables.domains, tables.domains.c.pk == _IMAGES.c.domain)
    .outerjoin(tables.cuda, tables.cuda.c.pk == _IMAGES.c.cuda_version)
    .outerjoin(tables.licences, tables.licences.c.pk == _IMAGES.c.licence)
    .outerjoin(_CHECKS, _CHECKS.c.image == _IMAGES.c.pk)
    .outerjoin(tables.inspections, tables.inspections.c.image == _IMAGES.c.pk)
)
_AFTER = CompiledStatement(
    _STATEMENT.where(_IMAGES.c.pk > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(_IMAGES.c.pk)
    .limit(_ROWS_AT_ONCE)
)
_BY_PK = CompiledStatement(_STATEMENT.where(is_one_of(_IMAGES.c.pk)))
_CHECKED = CompiledStatement(sa.select(_CHECKS.c.image, _CHECKS.c.checked).where(is_one_of(_CHECKS.c.image)))


class ImageTables:
    """The table of one database's images."""

    def __init__(self, db: Database, judge: Judge) -> None:
        self._db, self._judge = db, judge
        self._latest: AsOf[ImageTable] = AsOf(self._update)

    async def at(self, version: int) -> ImageTable:
        """Gives the table as of `version` or a later one."""
        return await self._latest.at(version)

    async def checked(self, pks: Iterable[int]) -> dict[int, str]:
        """Gives when each of these images was last checked; those that never were are left out."""
        return await self._db.fetch(
            _CHECKED, lambda rows: {pk: checked for pk, checked in rows if checked is not None}, pks_parameter(pks)
        )

    async def _update(self, last: ImageTable | None, version: int) -> tuple[ImageTable, int]:
        changed = None if last is None else await changes_since(self._db, version)
        if last is None or changed is None or not _REFERRED.isdisjoint(changed.pks):
            version = await self._db.version()
            every = await self._all(await self._judge.at(version))
            return await asyncio.to_thread(ImageTable, every.values()), version
        pks = sorted(changed.pks.get("docker", ()))
        if not pks:
            return last, changed.version
        catalogue = await self._judge.at(changed.version)
        rows: list[ImageRow] = []
        for at in range(0, len(pks), _ROWS_AT_ONCE):
            some = await self._db.fetch(_BY_PK, _as_they_are, pks_parameter(pks[at : at + _ROWS_AT_ONCE]))
            rows += [_row(row, catalogue) for row in some]
            await asyncio.sleep(0)
        return await asyncio.to_thread(last.with_changes, pks, rows), changed.version

    async def _all(self, catalogue: CatalogueSnapshot) -> dict[int, ImageRow]:
        rows: dict[int, ImageRow] = {}
        after = 0
        while True:
            some = await self._db.fetch(_AFTER, _as_they_are, {"after": after})
            rows |= {row[0]: _row(row, catalogue) for row in some}
            if len(some) < _ROWS_AT_ONCE:
                return rows
            after = some[-1][0]
            await asyncio.sleep(0)  # others get their turn between two parts


def _as_they_are(rows: Rows) -> Rows:
    return rows


def _row(row: Any, catalogue: CatalogueSnapshot) -> ImageRow:
    (
        pk,
        name,
        version,
        url,
        registry,
        framework,
        framework_version,
        cuda,
        domain,
        tasks,
        licence,
        state,
        deleted,
        sizes,
    ) = row
    reference, host = _reference(url, registry)
    return ImageRow(
        pk,
        name,
        version,
        reference,
        framework,
        framework_version,
        cuda,
        domain,
        tuple(orjson.loads(tasks)),
        licence,
        _accelerator(catalogue, pk),
        DELETED if deleted is not None else state or UNCHECKED,
        _size(sizes),
        host,
    )


def _reference(url: str, registry: str) -> tuple[str, str]:
    """What `docker pull` takes, and the host of the registry."""
    try:
        reference = located(url, registry)
    except Invalid:  # stored before such were refused
        return url, registry
    return reference.familiar, reference.registry


def _accelerator(catalogue: CatalogueSnapshot, pk: int) -> str:
    place = catalogue.index.order.place(pk)
    if place is not None:
        requirements = catalogue.index.order.entries[place][3]
    elif pk in catalogue.images:
        requirements = ImageRequirements(catalogue.images[pk], catalogue.tables)
    else:
        return "none"
    return (requirements.accelerator or "none") if requirements.uses_gpu else "none"


def _size(platforms: str | None) -> int | None:
    """The download of the platform whose facts are the image's."""
    if not platforms:
        return None
    loaded = orjson.loads(platforms)
    first = first_architecture(map(architecture, loaded))
    sizes = [each["size_bytes"] for each in loaded if architecture(each) == first]
    return sizes[0] if sizes else None
