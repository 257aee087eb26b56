"""Which log-ins registries took, and every password that left the server."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table(
        "login_uses",
        sa.Column("registry", Text, nullable=False),
        sa.Column("username", Text, nullable=False),
        sa.Column("last_used", Text),
        sa.Column("last_refused", Text),
        sa.PrimaryKeyConstraint("registry", "username", name=op.f("pk_login_uses")),
    )
    op.create_table(
        "audit",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("at", Text, nullable=False),
        sa.Column("last", Text, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("kind", Text, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("address", Text),
        sa.Column("action", Text, nullable=False),
        sa.Column("passwords", sa.Integer(), nullable=False),
        sa.Column("images", Text),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_images"), "audit", ["images"])
    op.create_table(
        "audit_sets",
        sa.Column("digest", Text, nullable=False),
        sa.Column("ranges", Text, nullable=False),
        sa.Column("used", Text, nullable=False),
        sa.Column("given", Text),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_audit_sets")),
    )
    op.create_index(op.f("ix_audit_sets_used"), "audit_sets", ["used"])
    op.create_index(op.f("ix_audit_sets_given"), "audit_sets", ["given"])
    op.create_table(
        "audit_images",
        sa.Column("digest", Text, nullable=False),
        sa.Column("first", Key, autoincrement=False, nullable=False),
        sa.Column("last", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"], ["audit_sets.digest"], name=op.f("fk_audit_images_digest"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", "first", name=op.f("pk_audit_images")),
    )
    op.create_index(op.f("ix_audit_images_first_last"), "audit_images", ["first", "last"])


def downgrade() -> None:
    op.drop_table("audit_images")
    op.drop_table("audit_sets")
    op.drop_table("audit")
    op.drop_table("login_uses")
