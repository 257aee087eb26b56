"""Scans of images' files, the scans that staff asked for, and the platforms of inspections by digest."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ROWS_AT_ONCE = 500


def upgrade() -> None:
    op.add_column("inspections", sa.Column("scanned_by_architecture", Text))
    op.create_index("ix_inspections_digest", "inspections", ["digest"])
    op.create_table(
        "image_platforms",
        sa.Column("image", Key, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("architecture", Text),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_image_platforms_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image", "position", name=op.f("pk_image_platforms")),
    )
    op.create_index(op.f("ix_image_platforms_digest"), "image_platforms", ["digest"])
    op.create_table(
        "scans",
        sa.Column("digest", Text, nullable=False),
        sa.Column("architecture", Text, nullable=False),
        sa.Column("reader", sa.Integer(), nullable=False),
        sa.Column("scanned", Text, nullable=False),
        sa.Column("scanned_by", Text),
        sa.Column("by_worker", sa.Boolean(), nullable=False),
        sa.Column("facts", Text, nullable=False),
        sa.Column("packages", Text, nullable=False),
        sa.Column("notes", Text, nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "architecture", name=op.f("pk_scans")),
    )
    op.create_table(
        "scan_jobs",
        sa.Column("image", Key, autoincrement=False, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("architecture", Text),
        sa.Column("state", Text, nullable=False),
        sa.Column("asked", Text, nullable=False),
        sa.Column("asked_by", Text, nullable=False),
        sa.Column("leased", Text),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger()),
        sa.Column("finished", Text),
        sa.Column("code", Text),
        sa.Column("detail", Text),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_scan_jobs_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image", name=op.f("pk_scan_jobs")),
    )
    op.create_index(op.f("ix_scan_jobs_state"), "scan_jobs", ["state"])
    _enter_platforms()


def _enter_platforms() -> None:
    connection, after = op.get_bind(), 0
    inspections = sa.table("inspections", sa.column("image"), sa.column("platforms"))
    platforms = sa.table("image_platforms", *map(sa.column, ("image", "position", "digest", "architecture")))
    while True:
        statement = sa.select(inspections).where(inspections.c.image > after).order_by(inspections.c.image)
        rows = connection.execute(statement.limit(_ROWS_AT_ONCE)).all()
        entries = [
            {
                "image": image,
                "position": position,
                "digest": platform["digest"],
                "architecture": _architecture(platform["os"], platform["architecture"]),
            }
            for image, text in rows
            for position, platform in enumerate(json.loads(text))
        ]
        if entries:
            connection.execute(sa.insert(platforms), entries)
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1][0]


def _architecture(system: str | None, name: str | None) -> str | None:
    """As nodes report it: with the system where it is not Linux."""
    return name if not name or system in ("linux", None) else f"{system}-{name}"


def downgrade() -> None:
    op.drop_table("scan_jobs")
    op.drop_table("scans")
    op.drop_table("image_platforms")
    op.drop_index("ix_inspections_digest", "inspections")
    op.drop_column("inspections", "scanned_by_architecture")
    op.get_bind().execute(sa.text("DELETE FROM image_facts WHERE origin = 'scan'"))
