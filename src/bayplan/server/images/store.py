"""The revision of an image, which its facts share."""

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all
from bayplan.errors import NotFound


async def revision(db: Database, pk: int) -> int:
    """Gives the revision of an image; raises `NotFound`."""
    rows = await fetch_all(db, sa.select(tables.images.c.revision).where(tables.images.c.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    return int(rows[0][0])
