"""The catalogue itself: what images are, what they refer to, and who keeps it."""

import sqlalchemy as sa

from bayplan.db.tables.columns import Json, Key, Text, metadata, pk, reference, revision

cuda = sa.Table(
    "cuda",
    metadata,
    pk(),
    sa.Column("version", Text, nullable=False),
    sa.Column("version_key", Text, nullable=False),
    sa.Column("full_version", Text, nullable=False, unique=True),
    sa.Column("full_version_key", Text, nullable=False),
    sa.Column("min_driver_version", Text),
    sa.Column("min_driver_version_key", Text),
    revision(),
    sqlite_autoincrement=True,
)

hardware = sa.Table(
    "hardware",
    metadata,
    pk(),
    sa.Column("generation", Text, nullable=False, unique=True),
    sa.Column("min_compute_capability", sa.Double, nullable=False),
    sa.Column("max_compute_capability", sa.Double, nullable=False),
    revision(),
    sqlite_autoincrement=True,
)

frameworks = sa.Table(
    "frameworks",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("version_key", Text, nullable=False),
    revision(),
    sa.UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)

domains = sa.Table(
    "domains",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("description", Text, nullable=False),
    revision(),
    sqlite_autoincrement=True,
)

licences = sa.Table(
    "licences",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("url", Text, nullable=False),
    sa.Column("domains", Json, nullable=False),
    sa.Column("permissions", Json, nullable=False),
    sa.Column("limitations", Json, nullable=False),
    sa.Column("conditions", Json, nullable=False),
    # Other names that a request may use: the SPDX id first, then what catalogues in the wild write.
    sa.Column("aliases", Json, nullable=False),
    revision(),
    sqlite_autoincrement=True,
)

users = sa.Table(
    "users",
    metadata,
    pk(),
    sa.Column("username", Text, nullable=False, unique=True),
    sa.Column("first_name", Text, nullable=False),
    sa.Column("last_name", Text, nullable=False),
    sa.Column("email", Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("is_staff", sa.Boolean, nullable=False),
    sa.Column("date_joined", Text, nullable=False),
    sa.Column("last_login", Text),
    sa.Column("password_hash", Text, nullable=False),
    # Tokens carry the epoch they were made in; moving it on ends them all at once.
    sa.Column("token_epoch", sa.Integer, nullable=False),
    revision(),
    sqlite_autoincrement=True,
)

images = sa.Table(
    "images",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("url", Text, nullable=False),
    sa.Column("registry", Text, nullable=False),
    sa.Column("registry_username", Text),
    sa.Column("registry_password", Text),
    reference("cuda_version", "cuda", nullable=True),
    reference("min_hardware_generation", "hardware", nullable=True),
    sa.Column("cpu", sa.Boolean, nullable=False),
    reference("framework", "frameworks"),
    reference("domain", "domains"),
    sa.Column("tasks", Json, nullable=False, index=True),
    reference("licence", "licences"),
    reference("creator", "users"),
    sa.Column("creation_time", Text, nullable=False),
    sa.Column("deletion_time", Text),
    revision(),
    sqlite_autoincrement=True,
)
sa.Index(
    "uq_images_live_name_version",
    images.c.name,
    images.c.version,
    unique=True,
    sqlite_where=images.c.deletion_time.is_(None),
    postgresql_where=images.c.deletion_time.is_(None),
)

image_facts = sa.Table(
    "image_facts",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("origin", Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
)

# The deprecated images; the others have no row.
lifecycles = sa.Table(
    "lifecycles",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("since", Text, nullable=False),  # a date
    sa.Column("why", Text),
    sa.Column("successor", Key, sa.ForeignKey("images.pk", ondelete="SET NULL"), index=True),
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("subject", Text, primary_key=True),  # user name and address, hashed: either may be anything at all
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("window_start", sa.BigInteger, nullable=False),  # seconds since 1970
)

# One row: `version` moves with every write that changes an answer, and its row is the lock that puts writers in line.
# `reference_version` is the version at which a row that others refer to was last written: names that were looked up stay
# good until it moves.
catalogue = sa.Table(
    "catalogue",
    metadata,
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("reference_version", sa.BigInteger, nullable=False, server_default="0"),
)
