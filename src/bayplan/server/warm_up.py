"""What the first questions need of a large catalogue, made ready right after the start: it takes a second."""

import contextlib

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import DatabaseUnavailable
from bayplan.server.context import Context

LEAST_IMAGES = 1_000
"""Of smaller catalogues it is ready in time when somebody asks."""
_COUNT = sa.select(sa.func.count()).select_from(tables.images)


async def warm_up(context: Context, least_images: int = LEAST_IMAGES) -> None:
    """Reads the catalogue and the nodes, and works out what runs where; where the database does not answer, whoever asks does."""
    with contextlib.suppress(DatabaseUnavailable):
        if await context.db.fetch(_COUNT, lambda rows: rows[0][0]) >= least_images:
            await context.kinds.summary(await context.db.version())
