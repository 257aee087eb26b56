"""Tokens of users for programs: made for their owner, listed, and revoked by the owner or by staff."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bayplan.clock import timestamp
from bayplan.db.database import Transaction
from bayplan.db.principal import Principal
from bayplan.errors import Forbidden, Invalid, NotFound
from bayplan.schemas.tokens import STAFF_SCOPES, ApiTokenCreate
from bayplan.server.auth.api_tokens import new_token
from bayplan.server.auth.machine_secrets import hashed
from bayplan.server.context import Context
from bayplan.server.tokens import store

Object = dict[str, Any]
_DAY_SECONDS = 86_400


async def create(context: Context, principal: Principal, request: ApiTokenCreate) -> Object:
    """Makes a token and gives it for the only time; raises `Invalid`, `Conflict`, or `Forbidden` for scopes that only staff have."""
    most_days = context.settings.api_token_most_days
    lifetime_seconds = request.expires_in or min(context.settings.api_token_days, most_days) * _DAY_SECONDS
    if lifetime_seconds > most_days * _DAY_SECONDS:
        raise Invalid.at(
            "expires_in",
            "too_long",
            f"'expires_in' can be at most {most_days * _DAY_SECONDS:,} seconds, which is {most_days} days "
            "(the server's setting BAYPLAN_API_TOKEN_MOST_DAYS).",
        )
    of_staff = [scope for scope in request.scopes if scope in STAFF_SCOPES]
    if of_staff and not principal.is_staff:
        raise Forbidden(
            f"Only staff may make a token with the scope '{of_staff[0]}': leave the scope out, or ask staff.",
            code="staff_scope",
        )
    token, moment = new_token(), context.tokens.clock()
    created, expires = timestamp(moment), timestamp(moment + timedelta(seconds=lifetime_seconds))
    assert principal.user is not None  # the route is for users
    to_store = store.TokenToStore(request.name, principal.user, request.scopes, hashed(token), created, expires)

    async def work(tx: Transaction) -> int:
        return await store.add(tx, to_store)

    pk = await context.db.write_grouped(work, by=principal)
    return {"pk": pk, "name": request.name, "token": token, "scopes": request.scopes, "expires": expires}


async def list_tokens(
    context: Context, principal: Principal, *, of_everyone: bool, include_inactive: bool
) -> Sequence[Object]:
    """Gives the principal's tokens; or those `of_everyone`, for staff, which raises `Forbidden` for others."""
    owner, good_at = _listed(context, principal, of_everyone=of_everyone, include_inactive=include_inactive)
    return await store.list_tokens(context.db, owner, good_at)


async def page(
    context: Context, principal: Principal, *, of_everyone: bool, include_inactive: bool, limit: int, offset: int
) -> tuple[Sequence[Object], int]:
    """Gives a part of the tokens that `list_tokens` gives, by name, and how many they are."""
    owner, good_at = _listed(context, principal, of_everyone=of_everyone, include_inactive=include_inactive)
    return await store.page(context.db, owner, good_at, limit, offset)


def _listed(
    context: Context, principal: Principal, *, of_everyone: bool, include_inactive: bool
) -> tuple[int | None, str | None]:
    """Whose tokens are listed, None for all, and when they have to be valid, None for any."""
    if of_everyone and not principal.is_staff:
        raise Forbidden("Only staff may list the tokens of others: leave out 'everyone'.")
    good_at = None if include_inactive else timestamp(context.tokens.clock())
    return None if of_everyone else principal.user, good_at


async def token(context: Context, principal: Principal, pk: int) -> Object:
    """Gives a token that the principal may revoke; raises `NotFound`."""
    stored = await store.load(context.db, pk)
    if stored is None or stored["revoked"] is not None or not (principal.is_staff or stored["owner"] == principal.name):
        raise NotFound(f"You have no valid token with pk {pk}: POST /v1/tokens/list lists your valid tokens.")
    return stored


async def revoke(context: Context, principal: Principal, pk: int) -> None:
    """Ends a token: one's own, or anybody's for staff; raises `NotFound`."""
    owner = None if principal.is_staff else principal.user
    now = timestamp(context.tokens.clock())

    async def work(tx: Transaction) -> None:
        await store.revoke(tx, pk, owner=owner, now=now)

    await context.db.write_grouped(work, by=principal)


async def of_principal(context: Context, principal: Principal) -> Object | None:
    """Gives the token by which the principal acts, None where that is no token."""
    return None if principal.token is None else await store.load(context.db, principal.token)
