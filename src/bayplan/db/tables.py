"""All tables, as SQLAlchemy Core sees them; the migrations make them, and a test holds the two together.

Text compares by its bytes on both databases, timestamps are RFC 3339 text of one width (so they order as text and go out as they
are), lists are JSON, and a version has a sort key beside it because version text sorts wrongly.
"""

from typing import Any

import orjson
import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class JsonText(sa.TypeDecorator[Any]):
    """JSON as text on both databases: it goes out as it is, and an index finds all rows with the same list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Gives the text to store."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002  # SQLAlchemy passes it
        """Gives what the text stands for."""
        return None if value is None else orjson.loads(value)


Json = JsonText()
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _pk() -> sa.Column[int]:
    return sa.Column("pk", Key, sa.Identity(always=False), primary_key=True)


def _revision() -> sa.Column[int]:
    """The version of the catalogue at which the row was last written: what ETags are made of."""
    return sa.Column("revision", sa.BigInteger, nullable=False)


def _reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, Key, sa.ForeignKey(f"{target}.pk", ondelete="RESTRICT"), nullable=nullable, index=True)


cuda = sa.Table(
    "cuda",
    metadata,
    _pk(),
    sa.Column("version", Text, nullable=False),
    sa.Column("version_key", Text, nullable=False),
    sa.Column("full_version", Text, nullable=False, unique=True),
    sa.Column("full_version_key", Text, nullable=False),
    sa.Column("min_driver_version", Text),
    sa.Column("min_driver_version_key", Text),
    _revision(),
    sqlite_autoincrement=True,
)

hardware = sa.Table(
    "hardware",
    metadata,
    _pk(),
    sa.Column("generation", Text, nullable=False, unique=True),
    sa.Column("min_compute_capability", sa.Double, nullable=False),
    sa.Column("max_compute_capability", sa.Double, nullable=False),
    _revision(),
    sqlite_autoincrement=True,
)

frameworks = sa.Table(
    "frameworks",
    metadata,
    _pk(),
    sa.Column("name", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("version_key", Text, nullable=False),
    _revision(),
    sa.UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)

domains = sa.Table(
    "domains",
    metadata,
    _pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("description", Text, nullable=False),
    _revision(),
    sqlite_autoincrement=True,
)

licences = sa.Table(
    "licences",
    metadata,
    _pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("url", Text, nullable=False),
    sa.Column("domains", Json, nullable=False),
    sa.Column("permissions", Json, nullable=False),
    sa.Column("limitations", Json, nullable=False),
    sa.Column("conditions", Json, nullable=False),
    # Other names that a request may use: the SPDX id first, then what catalogues in the wild write.
    sa.Column("aliases", Json, nullable=False),
    _revision(),
    sqlite_autoincrement=True,
)

users = sa.Table(
    "users",
    metadata,
    _pk(),
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
    _revision(),
    sqlite_autoincrement=True,
)

images = sa.Table(
    "images",
    metadata,
    _pk(),
    sa.Column("name", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("url", Text, nullable=False),
    sa.Column("registry", Text, nullable=False),
    sa.Column("registry_username", Text),
    sa.Column("registry_password", Text),
    _reference("cuda_version", "cuda", nullable=True),
    _reference("min_hardware_generation", "hardware", nullable=True),
    sa.Column("cpu", sa.Boolean, nullable=False),
    _reference("framework", "frameworks"),
    _reference("domain", "domains"),
    sa.Column("tasks", Json, nullable=False, index=True),
    _reference("licence", "licences"),
    _reference("creator", "users"),
    sa.Column("creation_time", Text, nullable=False),
    sa.Column("deletion_time", Text),
    _revision(),
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

nodes = sa.Table(
    "nodes",
    metadata,
    _pk(),
    sa.Column("ip", Text, nullable=False),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("cpu_mem", sa.BigInteger),
    sa.Column("driver_version", Text),
    sa.Column("driver_version_key", Text),
    _reference("hardware_generation", "hardware", nullable=True),
    sa.Column("gpu_mem", sa.BigInteger),
    sa.Column("last_seen", Text),
    sa.Column("compute_capability", Text),
    sa.Column("compute_capability_key", Text),
    sa.Column("gpu_name", Text),
    sa.Column("gpu_brand", Text),
    sa.Column("architecture", Text),
    sa.Column("runtime_mode", Text),
    sa.Column("toolkit_version", Text),
    sa.Column("fabric_ready", sa.Boolean),
    _revision(),
    sa.UniqueConstraint("ip", "index"),
    sqlite_autoincrement=True,
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("subject", Text, primary_key=True),  # user name and address, hashed: either may be anything at all
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("window_start", sa.BigInteger, nullable=False),  # seconds since 1970
)

# One row: `version` moves with every write that changes an answer, and its row is the lock that puts writers in line.
catalogue = sa.Table("catalogue", metadata, sa.Column("version", sa.BigInteger, nullable=False))

# Machines that joined, each with a credential of its own. `name` is what they log in as.
workers = sa.Table(
    "workers",
    metadata,
    _pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("ip", Text, nullable=False, unique=True),
    sa.Column("secret_hash", Text, nullable=False),
    sa.Column("token_epoch", sa.Integer, nullable=False),
    sa.Column("joined", Text, nullable=False),
    sqlite_autoincrement=True,
)

# Which worker a node is of, where it is of one. Apart from `nodes`: whoever edits a node has no business with it.
worker_nodes = sa.Table(
    "worker_nodes",
    metadata,
    sa.Column("node", Key, sa.ForeignKey("nodes.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("worker", Key, sa.ForeignKey("workers.pk", ondelete="CASCADE"), nullable=False, index=True),
)

join_tokens = sa.Table(
    "join_tokens",
    metadata,
    _pk(),
    sa.Column("token_hash", Text, nullable=False, unique=True),
    sa.Column("creator", Key, sa.ForeignKey("users.pk", ondelete="RESTRICT"), nullable=False),
    sa.Column("created", Text, nullable=False),
    sa.Column("expires", Text, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sqlite_autoincrement=True,
)

# What an image's registry said when it was last asked; what of it the rules use is in `image_facts` too.
inspections = sa.Table(
    "inspections",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True),
    sa.Column("reference", Text, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("media_type", Text, nullable=False),
    sa.Column("checked", Text, nullable=False),
    sa.Column("platforms", Json, nullable=False),
    # Facts of the architectures for which the image says something else than `image_facts` has.
    sa.Column("by_architecture", Json),
)
