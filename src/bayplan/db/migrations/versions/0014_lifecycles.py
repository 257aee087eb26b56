"""Which images are deprecated: since when, why, and the image to use instead."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lifecycles",
        sa.Column("image", Key, autoincrement=False, nullable=False),
        sa.Column("since", Text, nullable=False),
        sa.Column("why", Text),
        sa.Column("successor", Key),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_lifecycles_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["successor"], ["images.pk"], name=op.f("fk_lifecycles_successor"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("image", name=op.f("pk_lifecycles")),
    )
    op.create_index(op.f("ix_lifecycles_successor"), "lifecycles", ["successor"])


def downgrade() -> None:
    op.drop_table("lifecycles")
