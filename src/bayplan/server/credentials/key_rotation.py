"""The key of the stored registry passwords: whether it decrypts all of them, and their encryption with a new key."""

import logging
from dataclasses import dataclass

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import SECRETS, SET, ChangeEntry
from bayplan.db.database import Database, fetch_all
from bayplan.db.keyring import Keyring, UnknownKey
from bayplan.db.versioned import keep_version
from bayplan.errors import CannotStart

_log = logging.getLogger("bayplan")

_UP_TO_KEY_ID = len("v1:01234567")


@dataclass(frozen=True, slots=True)
class Encryption:
    """How many passwords were encrypted again, how many were removed because their key is lost, and how many there are."""

    changed: int
    forgotten: int
    total: int


async def check_keys(db: Database, keyring: Keyring) -> None:
    """Raises `CannotStart` where no stored password can be decrypted; logs a warning where some cannot."""
    column = tables.images.c.registry_password
    one_of_each = (
        sa.select(sa.func.min(column), sa.func.count())
        .where(column.is_not(None))
        .group_by(sa.func.substr(column, 1, _UP_TO_KEY_ID))
    )
    rows = await fetch_all(db, one_of_each)
    unknown = [(stored, count) for stored, count in rows if not keyring.has_key_of(stored)]
    if not unknown:
        return
    try:
        keyring.decrypt(unknown[0][0])
    except UnknownKey as error:
        if len(unknown) == len(rows):
            raise CannotStart(
                f"{error.detail} Put that key back. If it is lost, 'bayplan secrets rotate --forget-lost' removes the "
                "passwords."
            ) from None
        count = sum(count for _, count in unknown)
        _log.warning("%s %d images are shown without their passwords: 'bayplan check-database'.", error.detail, count)


async def encrypt_again(db: Database, keyring: Keyring, *, forget_lost: bool = False) -> Encryption:
    """Encrypts all passwords with the newest key, or none.

    Raises `UnknownKey` for one that cannot be decrypted, unless it is to be forgotten, and its user name with it.
    """
    # In turn with the other writers: locking the images one by one beside them could end in a deadlock.
    async with db.write(is_long=True) as tx:
        images = tables.images.c
        rows = await tx.fetch(
            sa.select(images.pk, images.registry_username, images.registry_password).where(
                images.registry_password.is_not(None)
            )
        )
        changes, lost = [], []
        for row in rows:
            try:
                password = keyring.decrypt(row.registry_password)
            except UnknownKey as error:
                if not forget_lost:
                    raise UnknownKey(
                        f"{error.detail} Nothing was changed; --forget-lost removes such passwords."
                    ) from None
                lost.append(row)
                continue
            if not keyring.is_current(row.registry_password):
                changes.append({"at": row.pk, "sealed": keyring.encrypt(password)})
        statement = sa.update(tables.images).where(images.pk == sa.bindparam("at"))
        if changes:
            await tx.execute(statement.values(registry_password=sa.bindparam("sealed")), changes)
            tx.entries.append(ChangeEntry(SECRETS, None, "encrypt", {"registry_passwords": (None, len(changes))}))
        if lost:
            nothing = statement.values(registry_username=None, registry_password=None, revision=tx.version)
            await tx.execute(nothing, [{"at": row.pk} for row in lost])
            for row in lost:
                fields = {"registry_username": (row.registry_username, None), "registry_password": (SET, None)}
                tx.entries.append(ChangeEntry("docker", row.pk, "change", fields))
        if not (changes or lost):
            await keep_version(tx)
        return Encryption(len(changes), len(lost), len(rows))
