"""The credentials of registries, each once: the images that use them, when they were last accepted, and their rotation.

Credentials are a user name at a registry. An image's `registry` names the same host as its `url`, however it is spelled, so it
alone says where the credentials belong.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import REPLACED, SET, ChangeEntry
from bayplan.db.database import Database, Rows, Transaction, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.keyring import Keyring, UnknownKey
from bayplan.domain.reference import Reference, located, registry_host
from bayplan.errors import NotFound

_IMAGES = tables.images.c
_SETS_AT_ONCE = 500
_ROWS_AT_ONCE = 500
Object = dict[str, Any]
CredentialKey = tuple[str, str]
"""A registry as references name it, and a user name there."""


@dataclass(frozen=True, slots=True)
class RefusedCredentials:
    """Credentials that a registry refused, and when it did so last."""

    registry: str
    username: str
    last_refused: str


@dataclass(slots=True)
class _Use:
    images: list[int] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class RepositoryImage:
    """An image that is pulled with credentials, and its reference."""

    image: int
    reference: Reference


async def overview(db: Database, keyring: Keyring) -> list[Object]:
    """Gives all credentials of images that are not deleted, with their use; without passwords, or values derived from them."""
    columns = (_IMAGES.pk, _IMAGES.registry, _IMAGES.registry_username, _IMAGES.registry_password)
    statement = sa.select(*columns).where(_IMAGES.registry_username.is_not(None), _IMAGES.deletion_time.is_(None))
    uses = await db.fetch(statement.order_by(_IMAGES.pk), _by_key)
    passwords, by_image = await asyncio.to_thread(lambda: (_passwords(uses, keyring), _by_image(uses)))
    outcomes = {(row.registry, row.username): row for row in await fetch_all(db, sa.select(tables.login_uses))}
    last_given = await _last_given(db, by_image, set(uses))
    return [
        {
            "registry": registry,
            "username": username,
            "images": len(use.images),
            "passwords": passwords[registry, username],
            "last_used": getattr(outcomes.get((registry, username)), "last_used", None),
            "last_refused": getattr(outcomes.get((registry, username)), "last_refused", None),
            "last_given": last_given.get((registry, username)),
        }
        for (registry, username), use in sorted(uses.items())
    ]


async def refused(db: Database) -> list[RefusedCredentials]:
    """Gives the credentials of images that are not deleted which a registry refused when it was last sent them, by registry."""
    uses = tables.login_uses.c
    statement = sa.select(uses.registry, uses.username, uses.last_refused).where(
        uses.last_refused.is_not(None), sa.or_(uses.last_used.is_(None), uses.last_used < uses.last_refused)
    )
    every = [RefusedCredentials(*row) for row in await fetch_all(db, statement.order_by(uses.registry, uses.username))]
    if not every:
        return []
    of_images = sa.select(_IMAGES.registry, _IMAGES.registry_username).where(
        _IMAGES.registry_username.in_({each.username for each in every}), _IMAGES.deletion_time.is_(None)
    )
    existing = {(registry_host(row[0]), row[1]) for row in await fetch_all(db, of_images.distinct())}
    return [each for each in every if (each.registry, each.username) in existing]


def _by_key(rows: Rows) -> dict[CredentialKey, _Use]:
    hosts = {spelled: registry_host(spelled) for spelled in {row.registry for row in rows}}
    uses: dict[CredentialKey, _Use] = defaultdict(_Use)
    for pk, registry, username, stored in rows:
        use = uses[hosts[registry], username]
        use.images.append(pk)
        use.stored.add(stored)
    return uses


def _passwords(uses: dict[CredentialKey, _Use], keyring: Keyring) -> dict[CredentialKey, int]:
    """The number of different passwords of each; those that no key decrypts count as one."""

    def password(stored: str) -> str | None:
        try:
            return keyring.decrypt(stored)
        except UnknownKey:
            return None

    return {key: len({password(stored) for stored in use.stored}) for key, use in uses.items()}


def _by_image(uses: dict[CredentialKey, _Use]) -> dict[int, CredentialKey]:
    return dict(sorted((pk, key) for key, use in uses.items() for pk in use.images))


async def _last_given(
    db: Database, keys: dict[int, CredentialKey], all_keys: set[CredentialKey]
) -> dict[CredentialKey, str]:
    """Gives when credentials last went to a user or a worker, to the minute: from the sets of images, the latest first."""
    pks = list(keys)
    last_given: dict[CredentialKey, str] = {}
    sets = tables.audit_sets.c

    def read(rows: Rows) -> None:
        nonlocal pks
        for at, _, ranges in rows:
            within = (pks[bisect_left(pks, first) : bisect_right(pks, last)] for first, last in orjson.loads(ranges))
            new = {keys[pk] for part in within for pk in part}
            if new:
                last_given.update(dict.fromkeys(new, at))
                pks = [pk for pk in pks if keys[pk] not in new]

    columns = sa.select(sets.given, sets.digest, sa.type_coerce(sets.ranges, sa.Text)).where(sets.given.is_not(None))
    statement = columns.order_by(sets.given.desc(), sets.digest.desc()).limit(_SETS_AT_ONCE)
    after: tuple[str, str] | None = None
    while all_keys - last_given.keys():
        page = statement if after is None else statement.where(sa.tuple_(sets.given, sets.digest) < after)
        rows = await fetch_all(db, page)
        await asyncio.to_thread(read, rows)
        if len(rows) < _SETS_AT_ONCE:
            break
        after = (rows[-1][0], rows[-1][1])
    return last_given


async def of_image(db: Database, pk: int, disclosure: Disclosure) -> tuple[str, str | None, str | None]:
    """Gives the registry of an image, and the user name and password for it; raises `NotFound`."""
    columns = (_IMAGES.registry, _IMAGES.registry_username, _IMAGES.registry_password)
    rows = await fetch_all(db, sa.select(*columns).where(_IMAGES.pk == pk))
    if not rows:
        raise NotFound(f"No docker image with pk {pk}.")
    registry, username, stored = rows[0]
    return registry_host(registry), username, None if stored is None else disclosure.password(pk, stored)


async def repositories(db: Database, key: CredentialKey, most: int) -> tuple[list[RepositoryImage], int]:
    """Gives the newest image of each repository that is pulled from with these credentials, and how many repositories there are.

    At most so many of them. Deleted images count only where there are no others; raises `NotFound` where there are none.
    """
    registry, username = key
    columns = (_IMAGES.pk, _IMAGES.url, _IMAGES.registry, _IMAGES.deletion_time)
    statement = sa.select(*columns).where(_IMAGES.registry_username == username).order_by(_IMAGES.pk.desc())
    rows = await fetch_all(db, statement)
    images = await asyncio.to_thread(_by_repository, rows, registry)
    if not images:
        raise no_such_credentials(key)
    return images[:most], len(images)


def _by_repository(rows: Rows, registry: str) -> list[RepositoryImage]:
    hosts = {spelled: registry_host(spelled) for spelled in {row.registry for row in rows}}
    of_registry = [row for row in rows if hosts[row.registry] == registry]
    images: dict[str, RepositoryImage] = {}
    for row in [row for row in of_registry if row.deletion_time is None] or of_registry:
        reference = located(row.url, row.registry)
        images.setdefault(reference.repository, RepositoryImage(row.pk, reference))
    return list(images.values())


async def replace(tx: Transaction, key: CredentialKey, username: str, password: str, keyring: Keyring) -> Sequence[int]:
    """Gives all images of some credentials another user name and password, deleted ones too; gives their pks.

    Those whose registry refused the old ones are checked again soon. Raises `NotFound` where there are none.
    """
    registry, old = key
    images = sa.select(_IMAGES.pk, _IMAGES.registry).where(_IMAGES.registry_username == old)
    rows = await tx.fetch(images.order_by(_IMAGES.pk))
    hosts = {spelled: registry_host(spelled) for spelled in {row.registry for row in rows}}
    pks = [row.pk for row in rows if hosts[row.registry] == registry]
    if not pks:
        raise no_such_credentials(key)
    # Each encrypted for itself: what is stored does not tell which are equal.
    changes = await asyncio.to_thread(lambda: [{"at": pk, "sealed": keyring.encrypt(password)} for pk in pks])
    statement = (
        sa.update(tables.images)
        .where(_IMAGES.pk == sa.bindparam("at"))
        .values(registry_username=username, registry_password=sa.bindparam("sealed"), revision=tx.version)
    )
    checks = tables.checks
    fields: dict[str, tuple[str, str]] = {"registry_password": (SET, REPLACED)}
    if username != old:
        fields["registry_username"] = (old, username)
    for start in range(0, len(changes), _ROWS_AT_ONCE):
        part = changes[start : start + _ROWS_AT_ONCE]
        await tx.execute(statement, part)
        tx.entries += [ChangeEntry("docker", change["at"], "rotate", fields) for change in part]
        refused = (
            checks.c.image.in_([change["at"] for change in part]),
            checks.c.state == "denied",
            checks.c.due.is_not(None),
        )
        # Locked in the order of keys, as everywhere.
        locked = sa.select(checks.c.image).where(*refused).order_by(checks.c.image).with_for_update()
        if await tx.fetch(locked):
            await tx.execute(sa.update(checks).where(*refused).values(due=checks.c.checked))
        await asyncio.sleep(0)
    return pks


def no_such_credentials(key: CredentialKey) -> NotFound:
    """Gives the error for credentials that no image has."""
    registry, username = key
    return NotFound(
        f"No image of '{registry}' has credentials with the user name '{username}': GET /v1/credentials lists "
        "all credentials."
    )


async def note_outcomes(
    tx: Transaction, at: str, *, accepted: Iterable[CredentialKey] = (), refused: Iterable[CredentialKey] = ()
) -> None:
    """Records which credentials registries accepted, and which they refused."""
    for column, keys in (("last_used", accepted), ("last_refused", refused)):
        # Locked in the same order everywhere, so that two writers of the same rows do not deadlock.
        rows = [{"registry": registry, "username": username, "at": at} for registry, username in sorted(set(keys))]
        if rows:
            upsert = sa.text(
                f"INSERT INTO login_uses (registry, username, {column}) VALUES (:registry, :username, :at) "  # noqa: S608  # the column is one of the two above
                f"ON CONFLICT (registry, username) DO UPDATE SET {column} = excluded.{column}"
            )
            await tx.execute(upsert, rows)
