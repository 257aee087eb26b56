"""Sessions: tokens for a password or for a worker's secret, a new access token for a refresh token, whether a token is valid."""

from bayplan.clock import timestamp
from bayplan.errors import TooManyAttempts, Unauthenticated
from bayplan.schemas.auth import UserCredentials, WorkerCredentials
from bayplan.server.auth import accounts, login_limits, machine_secrets
from bayplan.server.auth.login_limits import LogInAttempt
from bayplan.server.auth.password_queue import LogInTurn
from bayplan.server.auth.tokens import Subject, Use
from bayplan.server.context import Context

Tokens = dict[str, str]


async def tokens_for_user(context: Context, credentials: UserCredentials, address: str) -> Tokens:
    """Gives a user's tokens; raises `Unauthenticated`, and `TooManyAttempts` after many failed ones from that address, or at once."""
    return _tokens(context, "user", await account_of(context, credentials, address))


async def page_session(context: Context, credentials: UserCredentials, address: str) -> str:
    """Gives the token of a session in a browser; raises as `tokens_for_user` does."""
    account = await account_of(context, credentials, address)
    return context.tokens.make("user", account.pk, account.token_epoch, "page")


async def has_been_used(context: Context) -> bool:
    """Whether any user has ever logged in: else somebody needs to hear of the first one."""
    return await accounts.has_logged_in(context.db)


async def account_of(context: Context, credentials: UserCredentials, address: str) -> accounts.Account:
    """Gives the user whose name and password these are, as `tokens_for_user` does, and notes the log-in."""
    attempt = login_limits.attempt(credentials.username, address)
    turn = context.log_in_turns.setdefault(attempt.pair, LogInTurn())
    # One after the other, so that many guesses at once are all counted.
    try:
        async with turn.taken(2 * context.settings.login_attempts):
            return await _logged_in(context, credentials, attempt)
    except TooManyAttempts:
        await context.refusal_pace.wait()
        raise


async def renewed_tokens(context: Context, username: str) -> Tokens:
    """Gives tokens for a user whose earlier ones have just ended by a new password; raises `Unauthenticated`."""
    return _tokens(context, "user", await _active(context, username))


async def renewed_page_session(context: Context, username: str) -> str:
    """Gives the token of a session in a browser, as `renewed_tokens` does."""
    account = await _active(context, username)
    return context.tokens.make("user", account.pk, account.token_epoch, "page")


async def _active(context: Context, username: str) -> accounts.Account:
    account = await accounts.active_user(context.db, username)
    if account is None:
        raise Unauthenticated("The user was deactivated or renamed: log in again at /v1/auth/obtain.")
    return account


async def _logged_in(context: Context, credentials: UserCredentials, attempt: LogInAttempt) -> accounts.Account:
    moment = context.clock()
    second = int(moment.timestamp())
    standing = await login_limits.standing(context.db, attempt, context.settings.login_attempts, second)
    if standing.locked_seconds:
        raise TooManyAttempts(
            f"There were too many failed log-ins from this address: try again in {standing.locked_seconds} seconds.",
            retry_after_seconds=standing.locked_seconds,
        )
    account = await accounts.active_user(context.db, credentials.username)
    stored = account.password_hash if account else None
    queue = context.password_queue
    if not await queue.is_right(credentials.password, stored, is_first=standing.is_first) or account is None:
        await context.failed_log_ins.written(attempt)
        raise Unauthenticated("The user name or the password is wrong.", code="wrong_credentials")
    async with context.db.write(moves=False) as tx:
        await login_limits.note_log_in(tx, attempt, second)
        await accounts.logged_in(tx, account.pk, timestamp(moment))
    return account


async def tokens_for_worker(context: Context, credentials: WorkerCredentials) -> Tokens:
    """Gives a worker's tokens; raises `Unauthenticated`.

    Failures are not counted: a secret of 256 random bits cannot be guessed, and nobody must be able to lock a worker out.
    """
    account = await accounts.worker(context.db, credentials.worker)
    if account is None or not machine_secrets.is_right(credentials.secret, account.secret_hash):
        raise Unauthenticated(
            "The worker or its secret is wrong, or the worker was revoked: join again.", code="wrong_credentials"
        )
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
