"""Scans of images' files: reported by whoever has the image, and asked of the server."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import tables
from bayplan.db.crud import check_not_deleted
from bayplan.db.database import fetch_all
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.facts import first_architecture
from bayplan.errors import Conflict, Invalid, NotFound
from bayplan.schemas.scans import ScanReport
from bayplan.server.context import Context
from bayplan.server.scans import jobs, store
from bayplan.server.scans.store import Scan, scans_of, use_scans

__all__ = ["job", "load", "report", "request", "scans_of", "use_scans"]

Object = dict[str, Any]


async def load(context: Context, principal: Principal, digest: str) -> Object:
    """Gives the scan of the image with that digest; of an index that of the worker's own platform. Raises `NotFound`."""
    _check_digest(digest)
    stored = await store.load(
        context.db, await store.key_of(context.db, digest, await _architecture(context, principal))
    )
    if stored is None:
        raise NotFound(f"There is no scan of the digest {digest[:19]}….", code="not_scanned")
    return _answer(stored)


async def report(context: Context, principal: Principal, digest: str, body: ScanReport) -> Object:
    """Stores the scan of a digest, unless there is one that the same reader made. Raises `Invalid`, and `Conflict` for a digest
    that a worker reports and no image has.
    """
    _check_digest(digest)
    by_worker = principal.worker is not None
    if by_worker and not await store.is_in_catalogue(context.db, digest):
        raise Conflict(
            f"No image of the catalogue has the digest {digest[:19]}…: inspect the image first.", code="unknown_digest"
        )
    key = await store.key_of(context.db, digest, body.architecture)
    content = body.model_dump(exclude={"architecture"})
    return _answer(
        await store.keep_unless_there(context.db, principal, key, Scan(content, now(), principal.name, by_worker))
    )


async def request(context: Context, principal: Principal, pk: int, architecture: str | None) -> Object:
    """Asks for a scan of an image by the server, and gives its state; raises `NotFound`, `Conflict` or `Invalid`."""
    rows = await fetch_all(context.db, sa.select(tables.images).where(tables.images.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    check_not_deleted(RESOURCE_TYPES["docker"], dict(rows[0]._mapping))
    platforms = await store.platforms_of(context.db, pk)
    if not platforms:
        raise NotFound(
            f"The docker image with pk {pk} was not inspected yet, or not since its url changed: send POST "
            f"/v1/docker/{pk}/inspection.",
            code="not_inspected",
        )
    chosen = architecture or first_architecture(name for name, _ in platforms)
    digests = [digest for name, digest in platforms if name == chosen]
    if not digests:
        names = ", ".join(name for name, _ in platforms if name) or "none that it names"
        raise Invalid.at(
            "architecture", "unknown_reference", f"The image is not built for '{chosen}': it is for {names}."
        )
    await jobs.request(context.db, pk, digests[0], chosen, now(), principal.name)
    context.scans.wake()
    return await job(context, pk)


async def job(context: Context, pk: int) -> Object:
    """Gives the state of the last scan of an image by the server; raises `NotFound`."""
    last = await jobs.load(context.db, pk)
    if last is None:
        raise NotFound(
            f"The docker image with pk {pk} was not scanned yet: send POST /v1/docker/{pk}/scan.",
            code="not_scanned",
        )
    return last


def _answer(stored: Mapping[str, Any]) -> Object:
    names = ("digest", "reader", "facts", "packages", "notes", "bytes_read", "scanned", "scanned_by")
    return {name: stored[name] for name in names} | {"architecture": stored["architecture"] or None}


def _check_digest(digest: str) -> None:
    from bayplan.registry.content import is_digest

    if not is_digest(digest):
        raise Invalid.at(
            "digest",
            "bad_format",
            "The digest must be sha256: or sha512: and hexadecimal digits, such as 'sha256:0123…'.",
        )


async def _architecture(context: Context, principal: Principal) -> str | None:
    """The architecture of the worker that asks; None for a user."""
    if principal.worker is None:
        return None
    statement = (
        sa.select(tables.nodes.c.architecture)
        .join(tables.worker_nodes, tables.worker_nodes.c.node == tables.nodes.c.pk)
        .where(tables.worker_nodes.c.worker == principal.worker)
        .limit(1)
    )
    rows = await fetch_all(context.db, statement)
    return rows[0][0] if rows else None
