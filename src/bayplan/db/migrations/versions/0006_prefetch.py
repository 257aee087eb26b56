"""Which images nodes are to hold before anybody asks, what workers hold of them, and where workers join from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.add_column("workers", sa.Column("source", Text))
    op.create_table(
        "prefetch",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("nodes", Text, nullable=False),
        sa.Column("images", Text, nullable=False),
        sa.Column("creator", Key, nullable=False),
        sa.Column("creation_time", Text, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator"], ["users.pk"], name=op.f("fk_prefetch_creator"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_prefetch")),
        sa.UniqueConstraint("name", name=op.f("uq_prefetch_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_prefetch_creator"), "prefetch", ["creator"])
    op.create_table(
        "holdings",
        sa.Column("worker", Key, autoincrement=False, nullable=False),
        sa.Column("image", Key, autoincrement=False, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("digest", Text),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("detail", Text),
        sa.Column("at", Text, nullable=False),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_holdings_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["worker"], ["workers.pk"], name=op.f("fk_holdings_worker"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("worker", "image", name=op.f("pk_holdings")),
    )
    op.create_index(op.f("ix_holdings_image"), "holdings", ["image"])


def downgrade() -> None:
    op.drop_table("holdings")
    op.drop_table("prefetch")
    op.drop_column("workers", "source")
