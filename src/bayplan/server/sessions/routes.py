"""Logging in: tokens for a password or for a worker's secret, a new access token for a refresh token, and whether a token is good."""

import asyncio
import time
from weakref import WeakValueDictionary

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.errors import TooManyAttempts, Unauthenticated
from bayplan.schemas.auth import (
    AccessAnswer,
    EmptyAnswer,
    Obtain,
    Refresh,
    TokensAnswer,
    UserCredentials,
    Verify,
    WorkerCredentials,
    is_for_worker,
)
from bayplan.server.auth import accounts, passwords
from bayplan.server.context import Context
from bayplan.server.fleet import store as fleet_store
from bayplan.server.http.openapi import action, reference
from bayplan.server.http.parsing import parse, read, read_body
from bayplan.server.http.responses import Json

_UNCACHED = {"Cache-Control": "no-store"}


def auth_router(context: Context) -> APIRouter:
    """Gives the routes under `/v1/auth`."""
    router = APIRouter(prefix="/v1/auth", tags=["log-in"])
    limit_bytes = min(context.settings.max_body_bytes, 65_536)
    turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def obtain(request: Request) -> Response:
        body = await read_body(request, limit_bytes)
        if is_for_worker(body):
            return await obtain_for_worker(parse(body, WorkerCredentials))
        given = parse(body, UserCredentials)
        who = accounts.subject(given.username, request.client.host if request.client else "")
        # One after the other: of many guesses sent at once, each finds those before it counted.
        async with turns.setdefault(who, asyncio.Lock()):
            account = await logged_in(given, who)
        tokens = {
            use: context.tokens.make("user", account.pk, account.token_epoch, use) for use in ("access", "refresh")
        }
        return Json(tokens, headers=_UNCACHED)

    async def logged_in(given: UserCredentials, who: str) -> accounts.Account:
        moment = int(time.time())
        locked = await accounts.seconds_locked(context.db, who, context.settings.login_attempts, moment)
        if locked:
            raise TooManyAttempts(
                f"Too many failed log-ins for this user from this address: try again in {locked} seconds.",
                retry_after_seconds=locked,
            )
        account = await accounts.active_user(context.db, given.username)
        if not await passwords.is_right(given.password, account.password_hash if account else None) or account is None:
            await accounts.failed(context.db, who, moment)
            raise Unauthenticated("The user name or the password is wrong.", code="wrong_credentials")
        await accounts.forget_failures(context.db, who)
        await accounts.logged_in(context.db, account.pk, now())
        return account

    async def obtain_for_worker(given: WorkerCredentials) -> Response:
        # No count of failures: a secret of 256 random bits is not guessed, and nobody shall lock a worker out.
        account = await accounts.worker(context.db, given.worker)
        if account is None or not fleet_store.is_right(given.secret, account.secret_hash):
            raise Unauthenticated("The worker or its secret is wrong, or was revoked.", code="wrong_credentials")
        tokens = {
            use: context.tokens.make("worker", account.pk, account.token_epoch, use) for use in ("access", "refresh")
        }
        return Json(tokens, headers=_UNCACHED)

    async def refresh(request: Request) -> Response:
        given = await read(request, Refresh, limit_bytes)
        claim = context.tokens.read(given.refresh)
        await context.principal_of(given.refresh, "refresh")
        return Json({"access": context.tokens.make(claim.subject, claim.pk, claim.epoch, "access")}, headers=_UNCACHED)

    async def verify(request: Request) -> Response:
        given = await read(request, Verify, limit_bytes)
        await context.principal_of(given.token, "access", "refresh")
        return Json({}, headers=_UNCACHED)

    for path, handler, summary, body, answer, errors in (
        (
            "/obtain",
            obtain,
            "Get tokens for a user name and a password, or as a worker",
            Obtain,
            TokensAnswer,
            [401, 429],
        ),
        ("/refresh", refresh, "Get a new access token for a refresh token", Refresh, AccessAnswer, [401]),
        ("/verify", verify, "Ask whether a token is good", Verify, EmptyAnswer, [401]),
    ):
        words = action(summary, name=path[1:], body=body, answer=reference(answer), errors=errors, public=True)
        router.add_api_route(path, handler, methods=["POST"], **words)
    return router
