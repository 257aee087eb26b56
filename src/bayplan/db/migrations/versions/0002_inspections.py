"""What registries say of images."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table(
        "inspections",
        sa.Column("image", Key, nullable=False),
        sa.Column("reference", Text, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("media_type", Text, nullable=False),
        sa.Column("checked", Text, nullable=False),
        sa.Column("platforms", Text, nullable=False),
        sa.Column("by_architecture", Text, nullable=True),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_inspections_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image", name=op.f("pk_inspections")),
    )


def downgrade() -> None:
    op.drop_table("inspections")
    op.execute("DELETE FROM image_facts WHERE origin = 'registry'")
