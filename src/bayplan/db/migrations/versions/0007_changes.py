"""The change log, and the version at which a row that others refer to was last written."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table(
        "changes",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", Text, nullable=False),
        sa.Column("author", Text),
        sa.Column("resource", Text, nullable=False),
        sa.Column("object", Key),
        sa.Column("action", Text, nullable=False),
        sa.Column("fields", Text, nullable=False),
        sa.PrimaryKeyConstraint("version", "position", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_time"), "changes", ["time"])
    op.create_index("ix_changes_resource_object_version", "changes", ["resource", "object", "version"])
    op.add_column("catalogue", sa.Column("reference_version", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("catalogue", "reference_version")
    op.drop_table("changes")
