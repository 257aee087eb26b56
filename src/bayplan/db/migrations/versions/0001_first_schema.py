"""The schema of bayplan 0.1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:

    op.create_table("catalogue", sa.Column("version", sa.BigInteger(), nullable=False))
    op.create_table(
        "cuda",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("version", Text, nullable=False),
        sa.Column("version_key", Text, nullable=False),
        sa.Column("full_version", Text, nullable=False),
        sa.Column("full_version_key", Text, nullable=False),
        sa.Column("min_driver_version", Text, nullable=True),
        sa.Column("min_driver_version_key", Text, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_cuda")),
        sa.UniqueConstraint("full_version", name=op.f("uq_cuda_full_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "domains",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_domains")),
        sa.UniqueConstraint("name", name=op.f("uq_domains_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "frameworks",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("version", Text, nullable=False),
        sa.Column("version_key", Text, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_frameworks")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_frameworks_name_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hardware",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("generation", Text, nullable=False),
        sa.Column("min_compute_capability", sa.Double(), nullable=False),
        sa.Column("max_compute_capability", sa.Double(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_hardware")),
        sa.UniqueConstraint("generation", name=op.f("uq_hardware_generation")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "licences",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("domains", Text, nullable=False),
        sa.Column("permissions", Text, nullable=False),
        sa.Column("limitations", Text, nullable=False),
        sa.Column("conditions", Text, nullable=False),
        sa.Column("aliases", Text, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_licences")),
        sa.UniqueConstraint("name", name=op.f("uq_licences_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "login_failures",
        sa.Column("subject", Text, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_failures")),
    )
    op.create_table(
        "users",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("username", Text, nullable=False),
        sa.Column("first_name", Text, nullable=False),
        sa.Column("last_name", Text, nullable=False),
        sa.Column("email", Text, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("date_joined", Text, nullable=False),
        sa.Column("last_login", Text, nullable=True),
        sa.Column("password_hash", Text, nullable=False),
        sa.Column("token_epoch", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("version", Text, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("registry", Text, nullable=False),
        sa.Column("registry_username", Text, nullable=True),
        sa.Column("registry_password", Text, nullable=True),
        sa.Column("cuda_version", Key, nullable=True),
        sa.Column("min_hardware_generation", Key, nullable=True),
        sa.Column("cpu", sa.Boolean(), nullable=False),
        sa.Column("framework", Key, nullable=False),
        sa.Column("domain", Key, nullable=False),
        sa.Column("tasks", Text, nullable=False),
        sa.Column("licence", Key, nullable=False),
        sa.Column("creator", Key, nullable=False),
        sa.Column("creation_time", Text, nullable=False),
        sa.Column("deletion_time", Text, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator"], ["users.pk"], name=op.f("fk_images_creator"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["cuda_version"], ["cuda.pk"], name=op.f("fk_images_cuda_version"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["domain"], ["domains.pk"], name=op.f("fk_images_domain"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["framework"], ["frameworks.pk"], name=op.f("fk_images_framework"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["licence"], ["licences.pk"], name=op.f("fk_images_licence"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["min_hardware_generation"],
            ["hardware.pk"],
            name=op.f("fk_images_min_hardware_generation"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_images")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_images_creator"), "images", ["creator"], unique=False)
    op.create_index(op.f("ix_images_cuda_version"), "images", ["cuda_version"], unique=False)
    op.create_index(op.f("ix_images_domain"), "images", ["domain"], unique=False)
    op.create_index(op.f("ix_images_framework"), "images", ["framework"], unique=False)
    op.create_index(op.f("ix_images_licence"), "images", ["licence"], unique=False)
    op.create_index(op.f("ix_images_min_hardware_generation"), "images", ["min_hardware_generation"], unique=False)
    op.create_index(op.f("ix_images_tasks"), "images", ["tasks"], unique=False)
    op.create_index(
        "uq_images_live_name_version",
        "images",
        ["name", "version"],
        unique=True,
        sqlite_where=sa.text("deletion_time IS NULL"),
        postgresql_where=sa.text("deletion_time IS NULL"),
    )
    op.create_table(
        "nodes",
        sa.Column("pk", Key, sa.Identity(always=False), nullable=False),
        sa.Column("ip", Text, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("cpu_mem", sa.BigInteger(), nullable=True),
        sa.Column("driver_version", Text, nullable=True),
        sa.Column("driver_version_key", Text, nullable=True),
        sa.Column("hardware_generation", Key, nullable=True),
        sa.Column("gpu_mem", sa.BigInteger(), nullable=True),
        sa.Column("last_seen", Text, nullable=True),
        sa.Column("compute_capability", Text, nullable=True),
        sa.Column("compute_capability_key", Text, nullable=True),
        sa.Column("gpu_name", Text, nullable=True),
        sa.Column("gpu_brand", Text, nullable=True),
        sa.Column("architecture", Text, nullable=True),
        sa.Column("runtime_mode", Text, nullable=True),
        sa.Column("toolkit_version", Text, nullable=True),
        sa.Column("fabric_ready", sa.Boolean(), nullable=True),
        sa.Column("token_epoch", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hardware_generation"], ["hardware.pk"], name=op.f("fk_nodes_hardware_generation"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_nodes")),
        sa.UniqueConstraint("ip", "index", name=op.f("uq_nodes_ip_index")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_nodes_hardware_generation"), "nodes", ["hardware_generation"], unique=False)
    op.create_table(
        "image_facts",
        sa.Column("image", Key, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("origin", Text, nullable=False),
        sa.Column("value", Text, nullable=False),
        sa.ForeignKeyConstraint(["image"], ["images.pk"], name=op.f("fk_image_facts_image"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image", "name", "origin", name=op.f("pk_image_facts")),
    )

    op.execute("INSERT INTO catalogue (version) VALUES (0)")


def downgrade() -> None:
    op.drop_table("image_facts")
    op.drop_table("nodes")
    op.drop_table("images")
    op.drop_table("users")
    op.drop_table("login_failures")
    op.drop_table("licences")
    op.drop_table("hardware")
    op.drop_table("frameworks")
    op.drop_table("domains")
    op.drop_table("cuda")
    op.drop_table("catalogue")
