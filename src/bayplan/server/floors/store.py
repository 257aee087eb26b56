"""The references that images are pulled by: with the digest that the catalogue expects, where it is known."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows
from bayplan.domain.reference import located


@dataclass(frozen=True, slots=True)
class PullReference:
    """The reference of an image: `repository@digest`, and `url` where the digest is not known; `url` is as entered, in full."""

    name: str
    version: str
    url: str
    reference: str
    digest: str | None


_STATEMENT = CompiledStatement(
    sa.select(
        tables.images.c.pk,
        tables.images.c.name,
        tables.images.c.version,
        tables.images.c.url,
        tables.images.c.registry,
        tables.inspections.c.digest.label("inspected"),
        tables.checks.c.digest.label("checked"),
    )
    .select_from(tables.images)
    .outerjoin(tables.inspections, tables.inspections.c.image == tables.images.c.pk)
    .outerjoin(tables.checks, tables.checks.c.image == tables.images.c.pk)
    .where(is_one_of(tables.images.c.pk))
)


async def pull_references(db: Database, pks: Iterable[int]) -> dict[int, PullReference]:
    """Gives the references of these images by pk; what is gone is left out."""
    return await db.fetch(_STATEMENT, _by_pk, pks_parameter(pks))


def _by_pk(rows: Rows) -> dict[int, PullReference]:
    references = {}
    for pk, name, version, url, registry, inspected, checked in rows:
        reference = located(url, registry)
        digest = inspected or reference.digest or checked
        pulled = reference if digest is None else replace(reference, tag=None, digest=digest)
        references[pk] = PullReference(name, version, str(reference), str(pulled), digest)
    return references
