"""The routes of tokens for programs."""

from pydantic import Field
from starlette.responses import Response

from bayplan.schemas.tokens import ApiTokenAnswer, ApiTokenCreate, ApiTokenList, NewApiToken
from bayplan.server.auth.access import ANY_USER
from bayplan.server.context import Context
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.pages import page_of
from bayplan.server.http.parameters import Flag, NoParameters, PageParameters
from bayplan.server.http.responses import UNCACHED, Json
from bayplan.server.http.route import Call, Route
from bayplan.server.tokens import queries

_TAGS = ("tokens",)


class TokenListParameters(PageParameters):
    """Whose tokens are listed."""

    everyone: Flag = Field(False, description="The tokens of all users; staff only.")


async def create(context: Context, call: Call[NoParameters, ApiTokenCreate]) -> Response:
    """Answers with a new token."""
    return Json(await queries.create(context, call.principal, call.body), 201, headers=UNCACHED)


async def list_tokens(context: Context, call: Call[TokenListParameters, ApiTokenList]) -> Response:
    """Answers with tokens."""
    everyone, include_inactive = call.query.everyone, call.body.include_inactive
    tokens = await queries.list_tokens(context, call.principal, of_everyone=everyone, include_inactive=include_inactive)
    return page_of(call.request, call.query, tokens, "tokens", lambda token: (f"{token['pk']:019}",))


async def revoke(context: Context, call: Call[NoParameters, None]) -> Response:
    """Revokes a token."""
    await queries.revoke(context, call.principal, call.pk)
    return Response(status_code=204)


ROUTES = (
    Route(
        "POST",
        "/v1/tokens/create",
        create,
        ANY_USER,
        "Make a token for a program",
        "Gives a token with which a program acts for you, within its scopes, until it expires or is revoked. The token "
        "is shown once. The scopes `apply` and `workers` are for staff. Log in to make tokens: a token cannot.",
        "create_token",
        _TAGS,
        body=ApiTokenCreate,
        example={"name": "ci", "scopes": ["match"], "expires_in": 7_776_000},
        answer=NewApiToken,
        status=201,
        errors=(409,),
        headers=NOT_KEPT,
    ),
    Route(
        "POST",
        "/v1/tokens/list",
        list_tokens,
        ANY_USER,
        "List the tokens for programs",
        "Gives your valid tokens, without the tokens themselves; with `include_inactive` also those that were revoked or "
        "have expired.",
        "list_tokens",
        _TAGS,
        query=TokenListParameters,
        body=ApiTokenList,
        body_required=False,
        example={"include_inactive": True},
        answer=list[ApiTokenAnswer],
        conditional=True,
    ),
    Route(
        "DELETE",
        "/v1/tokens/{pk}",
        revoke,
        ANY_USER,
        "Revoke a token",
        "Revokes a token of yours, at once and for good. Staff may revoke the tokens of all users.",
        "revoke_token",
        _TAGS,
        status=204,
        errors=(404,),
    ),
)
