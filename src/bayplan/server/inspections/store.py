"""Stored inspections of images: each until the next one, or until the image gets another url.

The registry is asked before the transaction begins, so an inspection is compared with the image again when it is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bayplan.db import crud, image_facts, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.keyring import Keyring
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.facts import REGISTRY, STAFF, architecture, facts_from_inspection
from bayplan.domain.reference import Reference, check_agreement, located
from bayplan.errors import Conflict, NotFound
from bayplan.schemas.facts import is_readable
from bayplan.server.checks import queries as check_queries
from bayplan.server.credentials.queries import CredentialKey
from bayplan.server.scans import queries as scan_queries

IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RegistryLocation:
    """An image's reference, and the credentials for it; the password is not in its `repr`."""

    reference: Reference
    username: str | None
    password: str | None = field(repr=False)

    @property
    def credential_keys(self) -> list[CredentialKey]:
        """The key of the credentials, if there are any."""
        return [] if self.username is None else [(self.reference.registry, self.username)]


@dataclass(frozen=True, slots=True)
class StoredInspection:
    """A stored inspection, the catalogue's fields of the same image, and the facts that staff entered."""

    inspection: Object
    catalogue: Mapping[str, str | None]
    entered: Mapping[str, Any]


async def registry_location(db: Database, pk: int, keyring: Keyring) -> RegistryLocation:
    """Gives the location of the image with that pk.

    Raises `NotFound`, `Conflict` for a deleted image, and `Invalid` for a registry with a path, which was stored before it was refused.
    """
    rows = await fetch_all(db, sa.select(tables.images).where(tables.images.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    row = rows[0]
    crud.check_not_deleted(IMAGES, dict(row._mapping))
    check_agreement(row.url, row.registry)
    password = None if row.registry_password is None else keyring.decrypt(row.registry_password)
    return RegistryLocation(located(row.url, row.registry), row.registry_username, password)


async def keep(
    tx: Transaction, pk: int, inspection: Object, at: RegistryLocation, *, if_match: str | None = None
) -> None:
    """Stores an inspection in place of the last one, and its facts as the image's; the catalogue stands by its digest then.

    Raises `NotFound`, `PreconditionFailed`, and `Conflict` for an image that was deleted, or got another url, while its
    registry was asked.
    """
    row = await crud.current_row(tx, IMAGES, pk, if_match)
    crud.check_not_deleted(IMAGES, row)
    if located(row["url"], row["registry"]) != at.reference:
        raise Conflict(f"The image with pk {pk} got another url during the inspection: inspect it again.")
    new = facts_from_inspection(inspection["platforms"], is_readable)
    table = tables.inspections
    old = await tx.fetch(sa.select(table.c.digest).where(table.c.image == pk))
    await tx.execute(sa.delete(table).where(table.c.image == pk))
    await tx.execute(sa.insert(table), {"image": pk, **inspection, "by_architecture": new.by_architecture or None})
    await _enter_platforms(tx, pk, inspection["platforms"])
    digests = (old[0].digest if old else None, inspection["digest"])
    changes = {"digest": digests, **await image_facts.replace(tx, pk, REGISTRY, new.facts)}
    changes |= await scan_queries.use_scans(tx, pk)
    tx.entries.append(ChangeEntry("docker", pk, "inspect", changes))
    await check_queries.accept_digest(tx, pk, row["url"], row["registry"], inspection["digest"], inspection["checked"])


async def _enter_platforms(tx: Transaction, pk: int, platforms: Sequence[Object]) -> None:
    table = tables.image_platforms
    await tx.execute(sa.delete(table).where(table.c.image == pk))
    await tx.execute(
        sa.insert(table),
        [
            {"image": pk, "position": position, "digest": platform["digest"], "architecture": architecture(platform)}
            for position, platform in enumerate(platforms)
        ],
    )


async def load(db: Database, pk: int) -> StoredInspection:
    """Gives the stored inspection of an image; raises `NotFound` where there is no such image, or it was not inspected."""
    rows = await fetch_all(db, _KEPT.where(tables.images.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    row = rows[0]
    if row.digest is None:
        raise NotFound(
            f"The docker image with pk {pk} was not inspected yet, or not since its url changed: send POST "
            f"/v1/docker/{pk}/inspection.",
            code="not_inspected",
        )
    entered = await fetch_all(
        db,
        sa.select(tables.image_facts.c.name, tables.image_facts.c.value).where(
            tables.image_facts.c.image == pk, tables.image_facts.c.origin == STAFF
        ),
    )
    return StoredInspection(
        {name: row._mapping[name] for name in _SHOWN},
        {
            "cuda_version": row.cuda,
            "framework": row.framework,
            "framework_version": row.framework_version,
            "licence": row.aliases[0] if row.aliases else None,
        },
        {row.name: row.value for row in entered},
    )


_SHOWN = ("reference", "digest", "media_type", "checked", "platforms")
_KEPT = (
    sa.select(
        *(tables.inspections.c[name] for name in _SHOWN),
        tables.cuda.c.full_version.label("cuda"),
        tables.frameworks.c.name.label("framework"),
        tables.frameworks.c.version.label("framework_version"),
        tables.licences.c.aliases,
    )
    .select_from(tables.images)
    .join(tables.frameworks, tables.frameworks.c.pk == tables.images.c.framework)
    .join(tables.licences, tables.licences.c.pk == tables.images.c.licence)
    .outerjoin(tables.cuda, tables.cuda.c.pk == tables.images.c.cuda_version)
    .outerjoin(tables.inspections, tables.inspections.c.image == tables.images.c.pk)
)
