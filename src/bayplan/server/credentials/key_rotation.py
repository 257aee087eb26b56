"""The key of the stored registry passwords: whether it decrypts all of them, and their encryption with a new key."""

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import SECRETS, ChangeEntry
from bayplan.db.database import Database, fetch_all
from bayplan.db.keyring import Keyring, UnknownKey
from bayplan.db.versioned import keep_version
from bayplan.errors import CannotStart

_UP_TO_KEY_ID = len("v1:01234567")


async def check_keys(db: Database, keyring: Keyring) -> None:
    """Raises `CannotStart` where stored passwords were encrypted with a key that is not at hand: a lost key is missed now."""
    column = tables.images.c.registry_password
    one_of_each = (
        sa.select(sa.func.min(column)).where(column.is_not(None)).group_by(sa.func.substr(column, 1, _UP_TO_KEY_ID))
    )
    for row in await fetch_all(db, one_of_each):
        try:
            keyring.decrypt(row[0])
        except UnknownKey as error:
            raise CannotStart(f"{error.detail} Put that key back.") from None


async def encrypt_again(db: Database, keyring: Keyring) -> tuple[int, int]:
    """Gives how many passwords were encrypted again with the newest key, and how many there are; all or none."""
    column = tables.images.c.registry_password
    # In turn with the other writers: locking the images one by one beside them could end in a deadlock.
    async with db.write(is_long=True) as tx:
        rows = await tx.fetch(sa.select(tables.images.c.pk, column).where(column.is_not(None)))
        stale = [(row.pk, row.registry_password) for row in rows if not keyring.is_current(row.registry_password)]
        changes = [{"at": pk, "sealed": keyring.encrypt(keyring.decrypt(stored))} for pk, stored in stale]
        if changes:
            statement = sa.update(tables.images).where(tables.images.c.pk == sa.bindparam("at"))
            await tx.execute(statement.values(registry_password=sa.bindparam("sealed")), changes)
            tx.entries.append(ChangeEntry(SECRETS, None, "encrypt", {"registry_passwords": (None, len(changes))}))
        else:
            await keep_version(tx)
        return len(changes), len(rows)
