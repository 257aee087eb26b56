"""The tokens of users for programs. Only their hashes are stored."""

import sqlalchemy as sa

from bayplan.db.tables.columns import Json, Text, metadata, pk, reference

# A revoked token stays, so that its name in the history leads somewhere; `last_used` moves no version.
api_tokens = sa.Table(
    "api_tokens",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False),
    reference("owner", "users"),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("token_hash", Text, nullable=False, unique=True),
    sa.Column("created", Text, nullable=False),
    sa.Column("expires", Text, nullable=False),
    sa.Column("last_used", Text),
    sa.Column("revoked", Text),
    sqlite_autoincrement=True,
)
sa.Index(
    "uq_api_tokens_live_owner_name",
    api_tokens.c.owner,
    api_tokens.c.name,
    unique=True,
    sqlite_where=api_tokens.c.revoked.is_(None),
    postgresql_where=api_tokens.c.revoked.is_(None),
)
