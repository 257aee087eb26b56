"""What the files of layers say, kept by the digest of the layer: a layer is read once, whatever images have it and however often a
server starts. The layers that were used least lately go first.
"""

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all

MOST_BYTES = 64 * 1024 * 1024
_LEAST_BYTES = 4 * 1024  # as which each counts, so that they are not too many either
_LAYERS = tables.scanned_layers


async def load(db: Database, digest: str, reader: int, now: str) -> bytes | None:
    """Gives the findings of a layer that this reader made, None where there are none; they are used now."""
    same = (_LAYERS.c.digest == digest, _LAYERS.c.reader == reader)
    rows = await fetch_all(db, sa.select(_LAYERS.c.findings).where(*same))
    if not rows:
        return None
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(_LAYERS).where(*same).values(used=now))
    findings: str = rows[0][0]
    return findings.encode()


async def keep(db: Database, digest: str, reader: int, findings: bytes, now: str, most_bytes: int = MOST_BYTES) -> None:
    """Keeps the findings of a layer whose bytes were checked to have the digest; those that there is no room for any more go."""
    if len(findings) > most_bytes // 4:
        return
    values = {"digest": digest, "reader": reader, "used": now, "size_bytes": len(findings)}
    async with db.write(moves=False) as tx:
        await tx.execute(sa.delete(_LAYERS).where(_LAYERS.c.digest == digest))
        await tx.execute(sa.insert(_LAYERS), {**values, "findings": findings.decode()})
        total = 0
        newest = sa.select(_LAYERS.c.digest, _LAYERS.c.size_bytes).order_by(_LAYERS.c.used.desc(), _LAYERS.c.digest)
        for other, size_bytes in await tx.fetch(newest):
            total += max(size_bytes, _LEAST_BYTES)
            if total > most_bytes and other != digest:
                await tx.execute(sa.delete(_LAYERS).where(_LAYERS.c.digest == other))
