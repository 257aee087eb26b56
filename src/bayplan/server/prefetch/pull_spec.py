"""Pull specifications: the digest that the catalogue stands by, and the size of the download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, Rows
from bayplan.domain.reference import Reference
from bayplan.server.prefetch.inventory import in_parts


@dataclass(frozen=True, slots=True)
class PullSpec:
    """The pull specification of an image: its revision, its digest if known, and its size by architecture."""

    revision: int
    digest: str | None
    sizes_bytes: Mapping[str, int]

    def size_bytes(self, architecture: str | None) -> int | None:
        """Gives the download in bytes for a worker of that architecture without any layer; None where unknown."""
        if architecture is None and len(self.sizes_bytes) == 1:
            return next(iter(self.sizes_bytes.values()))
        return self.sizes_bytes.get(architecture or "")


_STATEMENT = (
    sa.select(
        tables.images.c.pk,
        tables.images.c.revision,
        tables.images.c.url,
        tables.inspections.c.digest.label("inspected"),
        tables.inspections.c.platforms,
        tables.checks.c.digest.label("checked"),
    )
    .select_from(tables.images)
    .outerjoin(tables.inspections, tables.inspections.c.image == tables.images.c.pk)
    .outerjoin(tables.checks, tables.checks.c.image == tables.images.c.pk)
)


async def pull_specs(db: Database, images: Sequence[int]) -> dict[int, PullSpec]:
    """Gives the pull specifications of these images, by pk; a query for every few hundred of them."""
    specs: dict[int, PullSpec] = {}
    for pks in in_parts(images):
        specs |= await db.fetch(_STATEMENT.where(tables.images.c.pk.in_(pks)), _by_pk)
    return specs


def _by_pk(rows: Rows) -> dict[int, PullSpec]:
    return {row.pk: PullSpec(row.revision, _digest(row), _sizes(row.platforms)) for row in rows}


def _digest(row: sa.Row[Any]) -> str | None:
    digest: str | None = row.inspected or Reference.parse(row.url).digest or row.checked
    return digest


def _sizes(platforms: Sequence[Mapping[str, Any]] | None) -> dict[str, int]:
    """The size by architecture; of several variants the largest, since the engine chooses a variant."""
    sizes: dict[str, int] = {}
    for platform in platforms or ():
        architecture = platform["architecture"]
        if architecture is not None and platform["os"] in (
            "linux",
            None,
        ):  # engines take an image without a system for theirs
            sizes[architecture] = max(sizes.get(architecture, 0), platform["size_bytes"])
    return sizes
