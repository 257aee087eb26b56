"""What belongs to a user: tokens, images and rules."""

from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all

_TOKENS, _IMAGES, _RULES = tables.api_tokens.c, tables.images.c, tables.prefetch.c


async def belongings(db: Database, user: int, at: str) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
    """Gives the names of the user's tokens that are valid at a time, and the names of the images and the rules that they added."""
    live = (_TOKENS.owner == user, _TOKENS.revoked.is_(None), _TOKENS.expires > at)
    tokens = await fetch_all(db, sa.select(_TOKENS.name).where(*live).order_by(_TOKENS.pk))
    added = (_IMAGES.creator == user, _IMAGES.deletion_time.is_(None))
    images = await fetch_all(db, sa.select(_IMAGES.name, _IMAGES.version).where(*added).order_by(_IMAGES.pk))
    rules = await fetch_all(db, sa.select(_RULES.name).where(_RULES.creator == user).order_by(_RULES.pk))
    return [row[0] for row in tokens], [dict(row._mapping) for row in images], [dict(row._mapping) for row in rules]
