"""Tokens of users for programs: how they are written, and whose they are by their hashes.

A token is `bpt_`, 43 random letters and digits (256 bits), and 6 of their checksum: scanners for secrets find it, and what nobody
made costs no query. A fast hash is enough for what cannot be guessed.
"""

import re
import secrets
import string
import zlib
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, Rows
from bayplan.server.auth.machine_secrets import hashed, is_right

PREFIX = "bpt_"
_LETTERS = string.digits + string.ascii_letters
_RANDOM_LETTERS = 43
_SUM_LETTERS = 6
_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM_LETTERS}}})([0-9A-Za-z]{{{_SUM_LETTERS}}})")


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as it is stored, with its owner as they are now."""

    pk: int
    token_hash: str
    scopes: frozenset[str]
    """Each includes `read`."""
    expires: str
    revoked: str | None
    owner: int
    username: str
    epoch: int
    is_active: bool
    is_staff: bool


_TOKENS, _USERS = tables.api_tokens.c, tables.users.c
_BY_HASH = CompiledStatement(
    sa.select(
        tables.catalogue.c.version,
        _TOKENS.pk,
        _TOKENS.token_hash,
        sa.type_coerce(_TOKENS.scopes, sa.Text),
        _TOKENS.expires,
        _TOKENS.revoked,
        _USERS.pk,
        _USERS.username,
        _USERS.token_epoch,
        _USERS.is_active,
        _USERS.is_staff,
    ).select_from(
        tables.catalogue.outerjoin(
            tables.api_tokens, _TOKENS.token_hash == sa.bindparam("token_hash", type_=_TOKENS.token_hash.type)
        ).outerjoin(tables.users, _USERS.pk == _TOKENS.owner)
    )
)


def new_token() -> str:
    """Gives a new token."""
    text = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_LETTERS))
    return f"{PREFIX}{text}{_checksum(text)}"


def is_api_token(token: str) -> bool:
    """Whether a bearer token begins as one of these, valid or not."""
    return token.startswith(PREFIX)


def is_well_formed(token: str) -> bool:
    """Whether a token has the form and the checksum of one."""
    match = _FORM.fullmatch(token)
    return match is not None and match[2] == _checksum(match[1])


def _checksum(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), ""
    for _ in range(_SUM_LETTERS):
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters


async def token_and_version(db: Database, token: str) -> tuple[StoredToken | None, int]:
    """Gives a token with its owner, None where it is not known, and the catalogue's version: in one query."""
    version, *columns = await db.fetch(_BY_HASH, _first, {"token_hash": hashed(token)})
    if columns[0] is None:
        return None, version
    stored = StoredToken(*columns)
    scopes = frozenset({"read", *orjson.loads(columns[2])})
    stored = replace(stored, scopes=scopes, is_active=bool(stored.is_active), is_staff=bool(stored.is_staff))
    return (stored if is_right(token, stored.token_hash) else None), version


def _first(rows: Rows) -> Any:
    return rows[0]
