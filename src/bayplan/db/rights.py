"""The rights of a principal once more, within the transaction that uses them: they may have ended while the request waited.

Writes that move the catalogue's version come one after the other, and every change of an account is one of them. So the rights
are those that the request was let in with where no account was written since then, which the version says without a query.
"""

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Transaction
from bayplan.db.principal import Principal
from bayplan.errors import Forbidden, Unauthenticated

_USERS, _WORKERS, _TOKENS = tables.users.c, tables.workers.c, tables.api_tokens.c
_PK = sa.bindparam("pk", type_=sa.BigInteger)
# Locked, since a write that moves no version waits for no other. Two writes of one worker come one after the other.
_USER = CompiledStatement(
    sa.select(_USERS.token_epoch, _USERS.is_staff).where(_USERS.pk == _PK, _USERS.is_active).with_for_update(read=True)
)
_WORKER = CompiledStatement(sa.select(_WORKERS.token_epoch).where(_WORKERS.pk == _PK).with_for_update(key_share=True))
_TOKEN = CompiledStatement(
    sa.select(_TOKENS.revoked).where(_TOKENS.pk == _PK, _TOKENS.revoked.is_(None)).with_for_update(read=True)
)


async def require_rights(tx: Transaction, principal: Principal) -> None:
    """Raises `Unauthenticated` where the principal's token has ended by now, and `Forbidden` where it is staff no more."""
    tx.by_token = principal.token is not None
    has_account = principal.user is not None or principal.worker is not None
    if not has_account or (tx.version and tx.reference_version <= principal.as_of):
        return
    if principal.worker is not None:
        rows = await tx.fetch(_WORKER, {"pk": principal.worker})
    else:
        rows = await tx.fetch(_USER, {"pk": principal.user})
    if not rows or rows[0][0] != principal.epoch:
        raise Unauthenticated("The token was revoked before the change was made: log in again at /v1/auth/obtain.")
    if principal.token is not None and not await tx.fetch(_TOKEN, {"pk": principal.token}):
        raise Unauthenticated(
            "The token was revoked before the change was made, and nothing was changed. Log in again."
        )
    if principal.is_staff and not rows[0][1]:
        raise Forbidden(
            "Your rights were changed before the change was made, and nothing was changed. Send the request again."
        )
