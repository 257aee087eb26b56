"""The machines: nodes, the workers that they belong to, how they join, and which images they are to hold and do."""

import sqlalchemy as sa

from bayplan.db.tables.columns import Json, Key, Text, metadata, pk, reference, revision

nodes = sa.Table(
    "nodes",
    metadata,
    pk(),
    sa.Column("ip", Text, nullable=False),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("cpu_mem", sa.BigInteger),
    sa.Column("driver_version", Text),
    sa.Column("driver_version_key", Text),
    reference("hardware_generation", "hardware", nullable=True),
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
    sa.Column("accelerator", Text),
    sa.Column("target", Text),
    sa.Column("driver_cuda_version", Text),
    sa.Column("driver_cuda_version_key", Text),
    sa.Column("cdi_driver_version", Text),
    sa.Column("cdi_driver_version_key", Text),
    sa.Column("l4t_version", Text),
    sa.Column("l4t_version_key", Text),
    sa.Column("wsl", sa.Boolean),
    sa.Column("mig_profile", Text),
    sa.Column("vgpu_licensed", sa.Boolean),
    sa.Column("kernel_version", Text),
    sa.Column("shared_memory_bytes", sa.BigInteger),
    # Its machine's own name, where `ip` is another or an address.
    sa.Column("hostname", Text),
    # An object of texts in the order of their keys; None where staff entered none.
    sa.Column("labels", Json),
    revision(),
    sa.UniqueConstraint("ip", "index"),
    sqlite_autoincrement=True,
)

# Machines that joined, each with a credential of its own. `name` is what they log in as.
workers = sa.Table(
    "workers",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("ip", Text, nullable=False, unique=True),
    sa.Column("secret_hash", Text, nullable=False),
    sa.Column("token_epoch", sa.Integer, nullable=False),
    sa.Column("joined", Text, nullable=False),
    # The network address that it joined or reported from last; None for one that joined before this was kept.
    sa.Column("source", Text),
    # Why its agent cannot probe all of its hardware, in a sentence.
    sa.Column("fault", Text),
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
    pk(),
    sa.Column("token_hash", Text, nullable=False, unique=True),
    sa.Column("creator", Key, sa.ForeignKey("users.pk", ondelete="RESTRICT"), nullable=False),
    sa.Column("created", Text, nullable=False),
    sa.Column("expires", Text, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("last_used", Text),
    sqlite_autoincrement=True,
)

# Which images which nodes are to hold before anybody asks for them: both as filter specifications.
prefetch = sa.Table(
    "prefetch",
    metadata,
    pk(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("nodes", Json, nullable=False),
    sa.Column("images", Json, nullable=False),
    reference("creator", "users"),
    sa.Column("creation_time", Text, nullable=False),
    revision(),
    sqlite_autoincrement=True,
)

# What a worker's engine holds of what it is to hold, as the worker last said.
holdings = sa.Table(
    "holdings",
    metadata,
    sa.Column("worker", Key, sa.ForeignKey("workers.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("state", Text, nullable=False),
    sa.Column("digest", Text),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("detail", Text),
    sa.Column("at", Text, nullable=False),
)
