"""Sessions: tokens for a password or for a worker's secret, a new access token for a refresh token, whether a token is valid."""

import asyncio
import time

from bayplan.clock import now
from bayplan.errors import TooManyAttempts, Unauthenticated
from bayplan.schemas.auth import UserCredentials, WorkerCredentials
from bayplan.server.auth import accounts, machine_secrets, passwords
from bayplan.server.auth.tokens import Subject, Use
from bayplan.server.context import Context

Tokens = dict[str, str]


async def tokens_for_user(context: Context, credentials: UserCredentials, address: str) -> Tokens:
    """Gives a user's tokens; raises `Unauthenticated`, and `TooManyAttempts` after many failed ones from that address."""
    attempt = accounts.attempt_key(credentials.username, address)
    # One after the other, so that many guesses at once are all counted.
    async with context.log_in_turns.setdefault(attempt, asyncio.Lock()):
        account = await _logged_in(context, credentials, attempt)
    return _tokens(context, "user", account)


async def _logged_in(context: Context, credentials: UserCredentials, attempt: str) -> accounts.Account:
    moment = int(time.time())
    locked = await accounts.seconds_locked(context.db, attempt, context.settings.login_attempts, moment)
    if locked:
        raise TooManyAttempts(
            f"Too many failed log-ins for this user from this address: try again in {locked} seconds.",
            retry_after_seconds=locked,
        )
    account = await accounts.active_user(context.db, credentials.username)
    stored = account.password_hash if account else None
    if not await passwords.is_right(credentials.password, stored) or account is None:
        await accounts.failed(context.db, attempt, moment)
        raise Unauthenticated("The user name or the password is wrong.", code="wrong_credentials")
    await accounts.forget_failures(context.db, attempt)
    await accounts.logged_in(context.db, account.pk, now())
    return account


async def tokens_for_worker(context: Context, credentials: WorkerCredentials) -> Tokens:
    """Gives a worker's tokens; raises `Unauthenticated`.

    Failures are not counted: a secret of 256 random bits cannot be guessed, and nobody must be able to lock a worker out.
    """
    account = await accounts.worker(context.db, credentials.worker)
    if account is None or not machine_secrets.is_right(credentials.secret, account.secret_hash):
        raise Unauthenticated("The worker or its secret is wrong, or was revoked.", code="wrong_credentials")
    return _tokens(context, "worker", account)


def _tokens(context: Context, subject: Subject, account: accounts.Account) -> Tokens:
    uses: tuple[Use, Use] = ("access", "refresh")
    return {use: context.tokens.make(subject, account.pk, account.token_epoch, use) for use in uses}


async def refreshed(context: Context, refresh: str) -> Tokens:
    """Gives a new access token; raises `Unauthenticated` where the refresh token is not valid."""
    claims = context.tokens.read(refresh)
    await context.authenticator.check(refresh, "refresh")
    return {"access": context.tokens.make(claims.subject, claims.pk, claims.epoch, "access")}


async def verify(context: Context, token: str) -> None:
    """Raises `Unauthenticated` where a token is not valid."""
    await context.authenticator.check(token, "access", "refresh")
