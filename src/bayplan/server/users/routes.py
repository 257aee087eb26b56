"""The routes of the user who asks."""

from starlette.responses import Response

from bayplan.schemas.auth import TokensAnswer
from bayplan.schemas.users import OwnPassword, WhoAmIAnswer
from bayplan.server.auth.access import ANY_USER, USERS
from bayplan.server.context import Context
from bayplan.server.http.endpoint import bearer
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import UNCACHED, Json
from bayplan.server.http.route import Call, Route
from bayplan.server.users import queries

_TAGS = ("users",)


async def myself(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the user who asks."""
    authentication = await context.authenticator.authenticate(bearer(call.request))
    return Json(await queries.myself(context, call.principal, authentication.expires), headers=UNCACHED)


async def change_password(context: Context, call: Call[NoParameters, OwnPassword]) -> Response:
    """Answers with tokens for a new password."""
    tokens = await queries.change_password(context, call.principal, call.body, call.address or "")
    return Json(tokens, headers=UNCACHED)


ROUTES = (
    Route(
        "GET",
        "/v1/users/me",
        myself,
        USERS,
        "The user and the token of this request",
        "Gives the user of this request, and the token for programs if it has one.",
        "myself",
        _TAGS,
        answer=WhoAmIAnswer,
        headers=NOT_KEPT,
    ),
    Route(
        "POST",
        "/v1/users/me/password",
        change_password,
        ANY_USER,
        "Change your own password",
        "Needs the old password. Ends all of your sessions and tokens, those for programs too. The answer is a new "
        "session.",
        "change_own_password",
        _TAGS,
        body=OwnPassword,
        example={"old_password": "correct horse battery", "password": "another horse battery"},
        answer=TokensAnswer,
        errors=(429,),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
)
