"""What the store has of the entries that a document names: found by their natural keys, so that the rest is not read."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Transaction
from bayplan.domain.facts import STAFF
from bayplan.server.catalogue_file.sections import DocumentSection, Entry, Identity

PART = 200
"""Entries whose rows are read by one statement."""


async def stored_entries(
    tx: Transaction, section: DocumentSection, identities: Sequence[Identity]
) -> dict[Identity, Entry]:
    """Gives the rows with these natural keys that are not deleted; for images with the facts that staff entered."""
    resource_type = section.resource_type
    columns = [resource_type.column(key) for key in resource_type.natural_keys]
    # Joined: of `(name, version) IN (...)` SQLite makes a scan of the whole index.
    named = sa.values(*(sa.column(column.name, column.type) for column in columns), name="named").data(identities).cte()
    statement = sa.select(resource_type.table).join(
        named, sa.and_(*(column == named.c[column.name] for column in columns))
    )
    if resource_type.soft_delete is not None:
        statement = statement.where(resource_type.column(resource_type.soft_delete).is_(None))
    entries = [dict(row._mapping) for row in await tx.fetch(statement)]
    if resource_type.name == "docker":
        await _add_facts(tx, entries)
    return {section.identity(entry): entry for entry in entries}


async def _add_facts(tx: Transaction, entries: Iterable[Entry]) -> None:
    by_pk = {entry["pk"]: entry for entry in entries}
    for entry in by_pk.values():
        entry["facts"] = {}
    if by_pk:
        table = tables.image_facts
        statement = sa.select(table.c.image, table.c.name, table.c.value)
        for image, name, value in await tx.fetch(
            statement.where(table.c.image.in_(by_pk), table.c.origin == STAFF).order_by(table.c.image, table.c.name)
        ):
            by_pk[image]["facts"][name] = value
