"""Tokens of users for programs; labels and host names of nodes; when a join token was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("owner", Key, nullable=False),
        sa.Column("scopes", Text, nullable=False),
        sa.Column("token_hash", Text, nullable=False),
        sa.Column("created", Text, nullable=False),
        sa.Column("expires", Text, nullable=False),
        sa.Column("last_used", Text),
        sa.Column("revoked", Text),
        sa.ForeignKeyConstraint(["owner"], ["users.pk"], name=op.f("fk_api_tokens_owner"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_tokens_owner"), "api_tokens", ["owner"])
    is_live = sa.text("revoked IS NULL")
    op.create_index(
        "uq_api_tokens_live_owner_name",
        "api_tokens",
        ["owner", "name"],
        unique=True,
        sqlite_where=is_live,
        postgresql_where=is_live,
    )
    op.add_column("nodes", sa.Column("hostname", Text))
    op.add_column("nodes", sa.Column("labels", Text))
    op.add_column("join_tokens", sa.Column("last_used", Text))


def downgrade() -> None:
    op.drop_column("join_tokens", "last_used")
    op.drop_column("nodes", "labels")
    op.drop_column("nodes", "hostname")
    op.drop_table("api_tokens")
