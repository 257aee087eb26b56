"""The change log: what every version of the catalogue changed, and who made it."""

import sqlalchemy as sa

from bayplan.db.tables.columns import Json, Key, Text, metadata

# The key is what the log is read by: a version has its entries from position 0 on, so that a log that was cut is seen.
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("time", Text, nullable=False, index=True),
    sa.Column("author", Text),  # the name of a user or a worker; None: the server itself
    sa.Column("resource", Text, nullable=False),
    sa.Column("object", Key),  # its pk; None: of no single object
    sa.Column("action", Text, nullable=False),
    sa.Column("fields", Json, nullable=False),  # {name: [before, after]}
    sa.Index("ix_changes_resource_object_version", "resource", "object", "version"),
)
