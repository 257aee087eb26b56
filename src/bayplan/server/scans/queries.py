"""Scans of images' files: reported by whoever has the image, and asked of the server."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import tables
from bayplan.db.database import fetch_all
from bayplan.db.principal import Principal
from bayplan.errors import Conflict, Invalid, NotFound
from bayplan.schemas.scans import ScanReport
from bayplan.server.context import Context
from bayplan.server.scans import store
from bayplan.server.scans.store import Scan, ScanKey, scans_of, use_scans

__all__ = ["load", "report", "scans_of", "use_scans"]

Object = dict[str, Any]


async def load(context: Context, principal: Principal, digest: str) -> Object:
    """Gives the scan of the image with that digest; of an index that of the worker's own platform. Raises `NotFound`."""
    _check_digest(digest)
    stored = await store.load(
        context.db, await store.key_of(context.db, digest, await _architecture(context, principal))
    )
    if stored is None:
        raise NotFound(f"No scan of an image with the digest {digest[:19]}….", code="not_scanned")
    return _answer(stored)


async def report(context: Context, principal: Principal, digest: str, body: ScanReport) -> Object:
    """Stores the scan of a digest, unless there is one that the same reader made. Raises `Invalid`, and `Conflict` for a digest
    that a worker reports and no image has.
    """
    _check_digest(digest)
    by_worker = principal.worker is not None
    if by_worker and not await store.is_in_catalogue(context.db, digest):
        raise Conflict(f"No image of the catalogue is known to have the digest {digest[:19]}….", code="unknown_digest")
    key = await store.key_of(context.db, digest, body.architecture)
    content = body.model_dump(exclude={"architecture"})
    return _answer(await keep(context, principal, key, Scan(content, now(), principal.name, by_worker)))


async def keep(context: Context, principal: Principal, key: ScanKey, scan: Scan) -> Object:
    """Stores a scan, unless there is one that need not give way; gives the one that is stored then."""
    stored = await store.load(context.db, key)
    if stored is None or _gives_way(stored, scan):
        async with context.db.write(by=principal) as tx:
            await store.keep(tx, key, scan)
        stored = await store.load(context.db, key)
        assert stored is not None, "scans are not removed"
    return stored


def _gives_way(stored: Mapping[str, Any], scan: Scan) -> bool:
    """Whether a stored scan gives way: to a later reader's, and a worker's to one that staff asked for."""
    return scan.content["reader"] > stored["reader"] or (bool(stored["by_worker"]) and not scan.by_worker)


def _answer(stored: Mapping[str, Any]) -> Object:
    names = ("digest", "reader", "facts", "packages", "notes", "bytes_read", "scanned", "scanned_by")
    return {name: stored[name] for name in names} | {"architecture": stored["architecture"] or None}


def _check_digest(digest: str) -> None:
    from bayplan.registry.content import is_digest

    if not is_digest(digest):
        raise Invalid.at("digest", "bad_format", "The digest must be a sha256 or a sha512, as in 'sha256:0123…'.")


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
