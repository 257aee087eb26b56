"""The routes of sessions: tokens for a password or for a worker's secret, a new access token, and whether a token is valid."""

from starlette.responses import Response

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
from bayplan.server.auth.access import PUBLIC
from bayplan.server.context import Context
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parsing import parse
from bayplan.server.http.responses import UNCACHED, Json
from bayplan.server.http.route import BodyAs, Call, Route
from bayplan.server.sessions import queries

_TAGS = ("log-in",)
_MOST_BODY_BYTES = 65_536


def _body_limit(most_bytes: int) -> int:
    return min(most_bytes, _MOST_BODY_BYTES)


async def obtain(context: Context, call: Call[None, bytes]) -> Response:
    """Answers with an access and a refresh token."""
    if is_for_worker(call.body):
        tokens = await queries.tokens_for_worker(context, parse(call.body, WorkerCredentials))
    else:
        tokens = await queries.tokens_for_user(context, parse(call.body, UserCredentials), call.address or "")
    return Json(tokens, headers=UNCACHED)


async def refresh(context: Context, call: Call[None, Refresh]) -> Response:
    """Answers with a new access token."""
    return Json(await queries.refreshed(context, call.body.refresh), headers=UNCACHED)


async def verify(context: Context, call: Call[None, Verify]) -> Response:
    """Answers with an empty object where the token is valid."""
    await queries.verify(context, call.body.token)
    return Json({}, headers=UNCACHED)


ROUTES = (
    Route(
        "POST",
        "/v1/auth/obtain",
        obtain,
        PUBLIC,
        "Get tokens with a user name and a password, or as a worker",
        operation_id="obtain",
        tags=_TAGS,
        query=None,
        body=Obtain,
        body_as=BodyAs.BYTES,
        body_limit=_body_limit,
        answer=TokensAnswer,
        errors=(401, 429),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
    Route(
        "POST",
        "/v1/auth/refresh",
        refresh,
        PUBLIC,
        "Get a new access token with a refresh token",
        operation_id="refresh",
        tags=_TAGS,
        query=None,
        body=Refresh,
        body_limit=_body_limit,
        answer=AccessAnswer,
        errors=(401,),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
    Route(
        "POST",
        "/v1/auth/verify",
        verify,
        PUBLIC,
        "Verify a token",
        operation_id="verify",
        tags=_TAGS,
        query=None,
        body=Verify,
        body_limit=_body_limit,
        answer=EmptyAnswer,
        errors=(401,),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
)
