"""Join tokens, with which machines join: each for a time and a number of uses. Only hashes are stored."""

from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.principal import Principal
from bayplan.errors import NotFound, Unauthenticated

_TOKENS, _USERS = tables.join_tokens, tables.users
_NAMES = ("pk", "created", "expires", "uses", "uses_left", "creator", "creator_name", "last_used")
_SHOWN = tuple(_USERS.c.username if name == "creator_name" else _TOKENS.c[name] for name in _NAMES)


async def add(db: Database, token_hash: str, *, creator: Principal, created: str, expires: str, uses: int) -> int:
    """Stores a new join token and gives its pk; expired join tokens are removed."""
    values = {
        "token_hash": token_hash,
        "creator": creator.user,
        "created": created,
        "expires": expires,
        "uses": uses,
        "uses_left": uses,
    }
    async with db.write(moves=False, by=creator) as tx:
        await tx.execute(sa.delete(_TOKENS).where(_TOKENS.c.expires <= created))
        return int((await tx.fetch(sa.insert(_TOKENS).returning(_TOKENS.c.pk), values))[0][0])


async def list_tokens(db: Database) -> list[dict[str, Any]]:
    """Gives every join token without its text, by pk."""
    rows = await fetch_all(db, sa.select(*_SHOWN).join(_USERS, _USERS.c.pk == _TOKENS.c.creator).order_by(_TOKENS.c.pk))
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


async def remove(db: Database, pk: int, principal: Principal) -> None:
    """Removes a join token; raises `NotFound`."""
    async with db.write(moves=False, by=principal) as tx:
        if not await tx.execute(sa.delete(_TOKENS).where(_TOKENS.c.pk == pk)):
            raise NotFound(f"No join token with pk {pk}.")


async def check(db: Database, token_hash: str, now: str) -> None:
    """Raises `Unauthenticated`, with the reason, for a token that is not valid now."""
    statement = sa.select(_TOKENS.c.expires, _TOKENS.c.uses_left).where(_TOKENS.c.token_hash == token_hash)
    rows = await fetch_all(db, statement)
    if not rows:
        raise Unauthenticated("There is no such join token, or it was revoked: ask staff for a new one.")
    if rows[0].expires <= now:
        raise Unauthenticated("The join token has expired: ask staff for a new one.")
    if rows[0].uses_left < 1:
        raise Unauthenticated("The join token has no uses left: ask staff for a new one.")


async def spend(tx: Transaction, token_hash: str, now: str) -> None:
    """Counts a use, in the transaction that it is for; raises `Unauthenticated` where there is none left."""
    conditions = (_TOKENS.c.token_hash == token_hash, _TOKENS.c.expires > now, _TOKENS.c.uses_left > 0)
    fresh = {"uses_left": _TOKENS.c.uses_left - 1, "last_used": now}
    # A single statement checks and counts: a transaction that waits for the row sees the count of the one before.
    if not await tx.execute(sa.update(_TOKENS).where(*conditions).values(fresh)):
        raise Unauthenticated("The join token has no uses left, has expired, or was revoked: ask staff for a new one.")
