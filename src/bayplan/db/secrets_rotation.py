"""Rotating the key of the registry passwords: everything encrypted again with the newest one, in one transaction."""

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engine import Database
from bayplan.db.keyring import Keyring


async def encrypt_again(db: Database, keyring: Keyring) -> tuple[int, int]:
    """Gives how many passwords were encrypted again with the newest key, and how many there are; all or none."""
    column = tables.images.c.registry_password
    # The version stands: no answer changes.
    async with db.write(moves=False) as tx:
        rows = await tx.fetch(sa.select(tables.images.c.pk, column).where(column.is_not(None)).with_for_update())
        stale = [(row.pk, row.registry_password) for row in rows if not keyring.is_current(row.registry_password)]
        changes = [{"at": pk, "sealed": keyring.encrypt(keyring.decrypt(stored))} for pk, stored in stale]
        if changes:
            statement = sa.update(tables.images).where(tables.images.c.pk == sa.bindparam("at"))
            await tx.execute(statement.values(registry_password=sa.bindparam("sealed")), changes)
        return len(changes), len(rows)
