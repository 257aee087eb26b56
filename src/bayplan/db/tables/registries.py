"""What registries say of images, and which log-ins went where."""

import sqlalchemy as sa

from bayplan.db.tables.columns import Json, Key, Text, metadata, pk

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
    # Facts of the architectures for which the image says something else than `image_facts` has: of the registry, of scans.
    sa.Column("by_architecture", Json),
    sa.Column("scanned_by_architecture", Json),
    sa.Index("ix_inspections_digest", "digest"),
)

# The platforms of inspections once more, to find the images that a digest is in.
image_platforms = sa.Table(
    "image_platforms",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", Text, nullable=False, index=True),
    sa.Column("architecture", Text),  # as a node reports it; None where the image does not name it
)

# What the files of an image for one platform say, once for each digest. They stay when the image is gone.
scans = sa.Table(
    "scans",
    metadata,
    # Of the platform; of an index that no stored inspection has, together with the architecture.
    sa.Column("digest", Text, primary_key=True),
    sa.Column("architecture", Text, primary_key=True),  # "" where it is not named
    sa.Column("reader", sa.Integer, nullable=False),
    sa.Column("scanned", Text, nullable=False),
    sa.Column("scanned_by", Text),  # the name of a worker or a user
    sa.Column("by_worker", sa.Boolean, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("packages", Json, nullable=False),
    sa.Column("notes", Json, nullable=False),
    sa.Column("bytes_read", sa.BigInteger, nullable=False),
)

# The scan of an image that staff asked for last, made by the server.
scan_jobs = sa.Table(
    "scan_jobs",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("architecture", Text),
    sa.Column("state", Text, nullable=False, index=True),
    sa.Column("asked", Text, nullable=False),
    sa.Column("asked_by", Text, nullable=False),
    sa.Column("leased", Text),  # until when a process has it
    sa.Column("bytes_done", sa.BigInteger, nullable=False),
    sa.Column("bytes_total", sa.BigInteger),
    sa.Column("finished", Text),
    sa.Column("code", Text),
    sa.Column("detail", Text),
)

# What the files of a layer say, so that it is read once; kept as far as there is room.
scanned_layers = sa.Table(
    "scanned_layers",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("reader", sa.Integer, nullable=False),
    sa.Column("used", Text, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("findings", Text, nullable=False),
)

# How an image was found at the last look into its registry.
checks = sa.Table(
    "checks",
    metadata,
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), primary_key=True),
    sa.Column("registry", Text, nullable=False),  # as references name it: looks go registry by registry
    sa.Column("digest", Text),  # what the catalogue stands by: of the stored inspection, else of the first look
    sa.Column("state", Text),  # None until the first look
    sa.Column("since", Text),
    sa.Column("checked", Text),
    sa.Column("found", Text),  # the digest that the tag points to now, where that is another one
    sa.Column("code", Text),
    sa.Column("detail", Text),
    # When to look again; None: when somebody asks for it. Whoever looks moves it on first, and so claims the image.
    sa.Column("due", Text),
    sa.Column("asked", Text, index=True),  # when somebody asked for a look that has not been made
    sa.Index("ix_checks_due_registry", "due", "registry"),
    sa.Index("ix_checks_registry_due", "registry", "due"),
)

# When the state or the digest of an image changed, newest last.
check_changes = sa.Table(
    "check_changes",
    metadata,
    pk(),
    sa.Column("image", Key, sa.ForeignKey("images.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("digest", Text),
    sa.Column("found", Text),
    sa.Column("code", Text),
    sa.Column("detail", Text),
    # What the image that is there now says otherwise than the one that the catalogue stands by.
    sa.Column("changes", Json),
    sqlite_autoincrement=True,
)

# When a registry last took and last refused a log-in.
login_uses = sa.Table(
    "login_uses",
    metadata,
    sa.Column("registry", Text, primary_key=True),
    sa.Column("username", Text, primary_key=True),
    sa.Column("last_used", Text),
    sa.Column("last_refused", Text),
)

# Every time that registry passwords left the server. The same answer to the same recipient is counted in the row of the
# first one for an hour. The names stay when the user, the worker or the image is gone.
audit = sa.Table(
    "audit",
    metadata,
    pk(),
    sa.Column("at", Text, nullable=False, index=True),
    # In no index, neither of the two: PostgreSQL counts up within the page where the indexes find the row already. Those
    # that were last given before some time are found by `at`, which is less than an hour earlier.
    sa.Column("last", Text, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("kind", Text, nullable=False),  # user, worker or registry
    sa.Column("name", Text, nullable=False),
    sa.Column("address", Text),
    sa.Column("action", Text, nullable=False),
    sa.Column("passwords", sa.Integer, nullable=False),  # in one answer
    # Of which images: one of `audit_sets`, which stays for longer than this row. None: of none of the catalogue.
    sa.Column("images", Text, index=True),
    sqlite_autoincrement=True,
)

# Sets of images, each once: the same list is asked for again and again, and the same image loaded by every worker.
audit_sets = sa.Table(
    "audit_sets",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("ranges", Json, nullable=False),  # of pks: [[first, last], ...]
    sa.Column("used", Text, nullable=False, index=True),  # to the minute, both
    sa.Column("given", Text, index=True),  # to a user or a worker
)

# The ranges once more, to find the sets that an image is in.
audit_images = sa.Table(
    "audit_images",
    metadata,
    sa.Column("digest", Text, sa.ForeignKey("audit_sets.digest", ondelete="CASCADE"), primary_key=True),
    sa.Column("first", Key, primary_key=True, autoincrement=False),
    sa.Column("last", Key, nullable=False),
    sa.Index("ix_audit_images_first_last", "first", "last"),
)
