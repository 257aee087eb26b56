"""What registries made of log-ins: when one last took each, and when it last refused it."""

from collections.abc import Iterable

import sqlalchemy as sa

from bayplan.db.database import Transaction

CredentialKey = tuple[str, str]
"""A registry as references name it, and a user name there."""


async def note(
    tx: Transaction, at: str, *, taken: Iterable[CredentialKey] = (), refused: Iterable[CredentialKey] = ()
) -> None:
    """Notes that registries took and refused these log-ins."""
    for column, log_ins in (("last_used", taken), ("last_refused", refused)):
        # In one order everywhere: two that note the same log-ins wait for each other, and not in a circle.
        rows = [{"registry": registry, "username": username, "at": at} for registry, username in sorted(set(log_ins))]
        if rows:
            upsert = sa.text(
                f"INSERT INTO login_uses (registry, username, {column}) VALUES (:registry, :username, :at) "  # noqa: S608  # the column is one of the two above
                f"ON CONFLICT (registry, username) DO UPDATE SET {column} = excluded.{column}"
            )
            await tx.execute(upsert, rows)
