"""How images are found in their registries, again and again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table(
        "checks",
        sa.Column("image", Key, nullable=False),
        sa.Column("registry", Text, nullable=False),
        sa.Column("digest", Text),
        sa.Column("state", Text),
        sa.Column("since", Text),
        sa.Column("checked", Text),
        sa.Column("found", Text),
        sa.Column("code", Text),
        sa.Column("detail", Text),
        sa.Column("due", Text),
        sa.Column("asked", Text),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_checks_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image", name=op.f("pk_checks")),
    )
    op.create_index(op.f("ix_checks_asked"), "checks", ["asked"])
    op.create_index("ix_checks_due_registry", "checks", ["due", "registry"])
    op.create_index("ix_checks_registry_due", "checks", ["registry", "due"])
    op.create_table(
        "check_changes",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("image", Key, nullable=False),
        sa.Column("at", Text, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("digest", Text),
        sa.Column("found", Text),
        sa.Column("code", Text),
        sa.Column("detail", Text),
        sa.Column("changes", Text),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_check_changes_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_check_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_check_changes_image"), "check_changes", ["image"])


def downgrade() -> None:
    op.drop_table("check_changes")
    op.drop_table("checks")
