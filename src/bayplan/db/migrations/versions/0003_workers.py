"""Machines that join: workers, which nodes are theirs, and join tokens. A node has no token of its own any more."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table(
        "workers",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("ip", Text, nullable=False),
        sa.Column("secret_hash", Text, nullable=False),
        sa.Column("token_epoch", sa.Integer(), nullable=False),
        sa.Column("joined", Text, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_workers")),
        sa.UniqueConstraint("name", name=op.f("uq_workers_name")),
        sa.UniqueConstraint("ip", name=op.f("uq_workers_ip")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "worker_nodes",
        sa.Column("node", Key, autoincrement=False, nullable=False),
        sa.Column("worker", Key, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.pk"], name=op.f("fk_worker_nodes_node"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["worker"], ["workers.pk"], name=op.f("fk_worker_nodes_worker"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_worker_nodes")),
    )
    op.create_index(op.f("ix_worker_nodes_worker"), "worker_nodes", ["worker"], unique=False)
    op.create_table(
        "join_tokens",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("token_hash", Text, nullable=False),
        sa.Column("creator", Key, nullable=False),
        sa.Column("created", Text, nullable=False),
        sa.Column("expires", Text, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["creator"], ["users.pk"], name=op.f("fk_join_tokens_creator"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_join_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_join_tokens_token_hash")),
        sqlite_autoincrement=True,
    )
    op.drop_column("nodes", "token_epoch")


def downgrade() -> None:
    op.add_column("nodes", sa.Column("token_epoch", sa.Integer(), nullable=False, server_default="0"))
    op.drop_table("join_tokens")
    op.drop_table("worker_nodes")
    op.drop_table("workers")
