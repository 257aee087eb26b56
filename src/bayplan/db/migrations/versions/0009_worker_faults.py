"""Why a worker's agent cannot probe its hardware."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("workers", sa.Column("fault", Text))


def downgrade() -> None:
    op.drop_column("workers", "fault")
