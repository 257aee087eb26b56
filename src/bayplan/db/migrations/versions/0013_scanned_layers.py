"""What the files of a layer say, so that a scan goes on with the next layer after a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "scanned_layers",
        sa.Column("digest", Text, nullable=False),
        sa.Column("reader", sa.Integer(), nullable=False),
        sa.Column("used", Text, nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("findings", Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_scanned_layers")),
    )


def downgrade() -> None:
    op.drop_table("scanned_layers")
