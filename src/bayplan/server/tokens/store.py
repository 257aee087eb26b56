"""The stored tokens of users for programs: hashes, owners, scopes and times. Each write is in the change log, without the token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import API_TOKENS, SET, ChangeEntry
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.errors import Conflict, NotFound

_TOKENS, _USERS = tables.api_tokens, tables.users
_NAMES = ("pk", "name", "owner", "scopes", "created", "expires", "last_used", "revoked")
_SHOWN = tuple(_USERS.c.username.label(name) if name == "owner" else _TOKENS.c[name] for name in _NAMES)
MOST_LIVE = 100
"""Tokens of one user that are good at the same time."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenToStore:
    """A new token: all but its text."""

    name: str
    owner: int
    scopes: Sequence[str]
    token_hash: str
    created: str
    expires: str


async def add(tx: Transaction, token: TokenToStore) -> int:
    """Stores a new token and gives its pk; raises `Conflict` for a name that a live one has, and where there are too many.

    An expired one with that name is revoked.
    """
    mine = (_TOKENS.c.owner == token.owner, _TOKENS.c.revoked.is_(None))
    expired = (*mine, _TOKENS.c.expires <= token.created, _TOKENS.c.name == token.name)
    await tx.execute(sa.update(_TOKENS).where(*expired).values(revoked=token.created))
    live = await tx.fetch(
        sa.select(_TOKENS.c.pk, _TOKENS.c.name).where(*mine, _TOKENS.c.expires > token.created).with_for_update()
    )
    same = [pk for pk, name in live if name == token.name]
    if same:
        raise Conflict(
            f"You have a token '{token.name}' already, pk {same[0]}: revoke it first, or use another name.",
            code="duplicate",
        )
    if len(live) >= MOST_LIVE:
        raise Conflict(
            f"You have {MOST_LIVE} valid tokens, which is the most: revoke some first.", code="too_many_tokens"
        )
    values = {
        "name": token.name,
        "owner": token.owner,
        "scopes": list(token.scopes),
        "token_hash": token.token_hash,
        "created": token.created,
        "expires": token.expires,
    }
    pk = int((await tx.fetch(sa.insert(_TOKENS).returning(_TOKENS.c.pk), values))[0][0])
    fields = {name: (None, values[name]) for name in ("name", "owner", "scopes", "expires")}
    tx.log(ChangeEntry(API_TOKENS, pk, "create", {**fields, "secret": (None, SET)}))
    return pk


async def list_tokens(db: Database, owner: int | None, good_at: str | None) -> list[Row]:
    """Gives the tokens of an owner, or of all (None), by pk; only those that are good at that time, unless it is None."""
    statement = sa.select(*_SHOWN).join(_USERS, _USERS.c.pk == _TOKENS.c.owner).order_by(_TOKENS.c.pk)
    rows = await fetch_all(db, statement.where(*_conditions(owner, good_at)))
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


async def page(db: Database, owner: int | None, good_at: str | None, limit: int, offset: int) -> tuple[list[Row], int]:
    """Gives a part of the tokens that `list_tokens` gives, by name, and how many they are."""
    conditions = _conditions(owner, good_at)
    statement = sa.select(*_SHOWN).join(_USERS, _USERS.c.pk == _TOKENS.c.owner).where(*conditions)
    rows = await fetch_all(db, statement.order_by(_TOKENS.c.name, _TOKENS.c.pk).limit(limit).offset(offset))
    total = await fetch_all(db, sa.select(sa.func.count()).select_from(_TOKENS).where(*conditions))
    return [dict(zip(_NAMES, row, strict=True)) for row in rows], total[0][0]


def _conditions(owner: int | None, good_at: str | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [] if owner is None else [_TOKENS.c.owner == owner]
    return conditions if good_at is None else [*conditions, _TOKENS.c.revoked.is_(None), _TOKENS.c.expires > good_at]


async def load(db: Database, pk: int) -> Row | None:
    """Gives a token, None where there is none with that pk."""
    statement = sa.select(*_SHOWN).join(_USERS, _USERS.c.pk == _TOKENS.c.owner).where(_TOKENS.c.pk == pk)
    rows = await fetch_all(db, statement)
    return dict(zip(_NAMES, rows[0], strict=True)) if rows else None


async def revoke(tx: Transaction, pk: int, *, owner: int | None, now: str) -> None:
    """Ends a token, for good; raises `NotFound`, also for one that is not of `owner` (None: of anybody) or has been revoked."""
    conditions = [_TOKENS.c.pk == pk, _TOKENS.c.revoked.is_(None)]
    if owner is not None:
        conditions.append(_TOKENS.c.owner == owner)
    statement = sa.update(_TOKENS).where(*conditions).values(revoked=now).returning(_TOKENS.c.name)
    rows = await tx.fetch(statement)
    if not rows:
        raise NotFound(f"You have no valid token with pk {pk}: POST /v1/tokens/list lists your valid tokens.")
    tx.log(ChangeEntry(API_TOKENS, pk, "revoke", {"name": (rows[0][0], None), "secret": (SET, None)}))
