"""The whole catalogue as the judge sees it, at one version; and the nodes, as workers."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, Rows, fetch_all
from bayplan.domain.compatibility.image import CompatLibraries, Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.facts import TOLD
from bayplan.server.images.facts_store import STAFF, Known, believed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What questions are answered from. `images` has the deleted ones too; `catalogue` does not."""

    version: int
    tables: Tables
    catalogue: CatalogueIndex
    images: Mapping[int, Image]
    facts: Mapping[int, Known]


async def load_snapshot(db: Database, shipped: Tables) -> Snapshot:
    """Gives the catalogue as it is; four queries, whatever its size."""
    version = await db.version()
    releases = await fetch_all(
        db, sa.select(tables.cuda.c.version, tables.cuda.c.full_version, tables.cuda.c.min_driver_version)
    )
    generations = await fetch_all(
        db,
        sa.select(
            tables.hardware.c.generation,
            tables.hardware.c.min_compute_capability,
            tables.hardware.c.max_compute_capability,
        ),
    )
    known = await db.fetch(sa.select(tables.image_facts), _facts)
    used = shipped.with_catalogue([tuple(row) for row in releases], [tuple(row) for row in generations])

    def build(rows: Rows) -> Snapshot:
        images = {row.pk: _image(row, known.get(row.pk, {}), row.by_architecture or {}) for row in rows}
        candidates = (
            CatalogueImage(
                row.pk,
                row.version,
                images[row.pk],
                tuple(row.tasks),
                row.domain,
                framework=row.framework_pk,
                cuda=row.cuda_pk,
            )
            for row in rows
        )
        return Snapshot(version, used, CatalogueIndex.build(candidates, used), images, known)

    return await db.fetch(_IMAGES, build)


_IMAGES = (
    sa.select(
        tables.images.c.pk,
        tables.images.c.version,
        tables.images.c.cpu,
        tables.images.c.tasks,
        tables.images.c.deletion_time,
        tables.domains.c.name.label("domain"),
        tables.cuda.c.full_version.label("cuda"),
        tables.hardware.c.generation,
        tables.images.c.framework.label("framework_pk"),
        tables.images.c.cuda_version.label("cuda_pk"),
        tables.frameworks.c.name.label("framework"),
        tables.frameworks.c.version.label("framework_version"),
        tables.inspections.c.by_architecture,
        tables.checks.c.state,
    )
    .select_from(tables.images)
    .join(tables.domains, tables.domains.c.pk == tables.images.c.domain)
    .join(tables.frameworks, tables.frameworks.c.pk == tables.images.c.framework)
    .outerjoin(tables.cuda, tables.cuda.c.pk == tables.images.c.cuda_version)
    .outerjoin(tables.hardware, tables.hardware.c.pk == tables.images.c.min_hardware_generation)
    .outerjoin(tables.inspections, tables.inspections.c.image == tables.images.c.pk)
    .outerjoin(tables.checks, tables.checks.c.image == tables.images.c.pk)
)


def _facts(rows: Rows) -> dict[int, Known]:
    entries: dict[int, dict[tuple[str, str], Any]] = {}
    for row in rows:
        entries.setdefault(row.image, {})[row.name, row.origin] = row.value
    return {image: believed(values) for image, values in entries.items()}


def _image(row: sa.Row[Any], known: Known, others: Mapping[str, Mapping[str, Any]]) -> Image:
    image = _image_with(row, {name: value for name, (value, _) in known.items()})
    if not others:
        return image
    kept = {name: value for name, (value, origin) in known.items() if origin == STAFF or name not in TOLD}
    return replace(
        image,
        by_architecture=tuple((name, _image_with(row, {**said, **kept})) for name, said in sorted(others.items())),
    )


def _image_with(row: sa.Row[Any], values: Mapping[str, Any]) -> Image:
    compat = values.get("compat_package")
    requirements = values.get("requirements")
    end = values.get("end_of_life")
    return Image(
        cpu=row.cpu,
        cuda=row.cuda,
        min_generation=row.generation,
        framework=row.framework,
        framework_version=row.framework_version,
        architectures=_words(values.get("architectures")),
        requirements=None if requirements is None else tuple(sorted(requirements.items())),
        disable_require=values.get("disable_require"),
        compat_package=None if compat is None else CompatLibraries(compat.get("cuda"), compat.get("driver")),
        compat_on_loader_path=values.get("compat_on_loader_path"),
        kernel_architectures=_words(values.get("kernel_architectures")),
        compiles_at_runtime=values.get("compiles_at_runtime"),
        min_driver=values.get("min_driver"),
        min_compute_capability=values.get("min_compute_capability"),
        end_of_life=None if end is None else datetime.date.fromisoformat(end),
        deleted=row.deletion_time is not None,
        missing_in_registry=row.state == "missing",
    )


def _words(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


_WORKERS = sa.select(tables.nodes, tables.hardware.c.generation).select_from(
    tables.nodes.outerjoin(tables.hardware, tables.hardware.c.pk == tables.nodes.c.hardware_generation)
)


async def load_nodes(db: Database, pk: int | None = None, *, machine: int | None = None) -> list[tuple[int, Node]]:
    """Gives the nodes as workers, by pk; only the one with that `pk`, or those of that `machine`, where it is given."""
    statement = _WORKERS.order_by(tables.nodes.c.pk)
    if pk is not None:
        statement = statement.where(tables.nodes.c.pk == pk)
    if machine is not None:
        held = tables.worker_nodes
        statement = statement.where(tables.nodes.c.pk.in_(sa.select(held.c.node).where(held.c.worker == machine)))
    return await db.fetch(statement, lambda rows: [(row.pk, _worker(row)) for row in rows])


def _worker(row: sa.Row[Any]) -> Node:
    return Node(
        driver_version=row.driver_version,
        compute_capability=row.compute_capability,
        hardware_generation=row.generation,
        gpu_name=row.gpu_name,
        gpu_brand=row.gpu_brand,
        gpu_mem_bytes=row.gpu_mem,
        cpu_mem_bytes=row.cpu_mem,
        architecture=row.architecture,
        runtime_mode=row.runtime_mode,
        toolkit_version=row.toolkit_version,
        fabric_ready=row.fabric_ready,
    )
