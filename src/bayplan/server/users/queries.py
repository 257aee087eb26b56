"""The user who asks: who they are, by which token, and a new password for the old one."""

from datetime import UTC, datetime
from typing import Any

from bayplan.clock import timestamp
from bayplan.db import crud
from bayplan.db.database import Transaction
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.uses import uses_of_user
from bayplan.errors import Invalid, Unauthenticated
from bayplan.schemas.auth import UserCredentials
from bayplan.schemas.users import OwnPassword
from bayplan.server.auth import passwords
from bayplan.server.context import Context
from bayplan.server.sessions import queries as session_queries
from bayplan.server.tokens import queries as token_queries
from bayplan.server.users import store

Object = dict[str, Any]
_USERS = RESOURCE_TYPES["users"]


async def myself(context: Context, principal: Principal, expires_second: float) -> Object:
    """Gives the user who asks, the program's token that they ask by, and when the token of this request ends."""
    assert principal.user is not None  # the route is for users
    user, _ = await crud.load(
        context.db, projection(_USERS.name, principal), principal.user, Disclosure(context.keyring)
    )
    expires = timestamp(datetime.fromtimestamp(expires_second, UTC))
    return {"user": user, "token": await token_queries.of_principal(context, principal), "expires": expires}


async def change_password(context: Context, principal: Principal, change: OwnPassword, address: str) -> dict[str, str]:
    """Gives the user a new password, and tokens for it; all earlier ones end, those of programs too.

    Raises `Invalid` for a wrong old password, and `TooManyAttempts` as a log-in does.
    """
    await _change_password(context, principal, change, address)
    return await session_queries.renewed_tokens(context, principal.name)


async def change_password_on_page(context: Context, principal: Principal, change: OwnPassword, address: str) -> str:
    """Gives the user a new password as `change_password` does, and the token of a session in a browser."""
    await _change_password(context, principal, change, address)
    return await session_queries.renewed_page_session(context, principal.name)


async def _change_password(context: Context, principal: Principal, change: OwnPassword, address: str) -> None:
    user = principal.user
    assert user is not None  # the route is for users
    credentials = UserCredentials(username=principal.name, password=change.old_password)
    try:
        await session_queries.account_of(context, credentials, address)
    except Unauthenticated:  # as 401 it would say that the token of this request is not good
        raise Invalid.at("old_password", "wrong_password", "The old password is wrong.") from None
    values = await passwords.hashed_in({"password": change.password})

    async def work(tx: Transaction) -> None:
        await crud.change(tx, _USERS, user, values, context.keyring)

    await context.db.write_grouped(work, by=principal)


async def uses(context: Context, pk: int) -> str:
    """Gives what is a user's, in sentences: tokens, which end, and images and rules, which stay."""
    return uses_of_user(*await store.belongings(context.db, pk, timestamp(context.tokens.clock())))
