"""The tokens with which programs act for who is logged in: the list, a new one, shown once, and its end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from bayplan.exports.value_words import moment
from bayplan.schemas.tokens import SCOPES, STAFF_SCOPES, ApiTokenCreate
from bayplan.server.auth.access import ANY_USER
from bayplan.server.context import Context
from bayplan.server.http.parameters import Flag, NoParameters, Offset, Parameters
from bayplan.server.tokens import queries
from bayplan.web.duration import duration_typed
from bayplan.web.form import Form, parse_body, status_of
from bayplan.web.formats import ago
from bayplan.web.listing import ROWS, TableColumn, address_with, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.question import RemovalQuestion, ask
from bayplan.web.rendering import rendered, see_other

_SOON_SECONDS = 7 * 86_400
_ABOVE = [("Tokens", "/tokens")]
_WORDS: Mapping[str, str] = {
    "read": "read: everything that all users may read",
    "match": "match: also matches, verdicts and inspections",
    "apply": "apply: also writes to the catalogue",
    "workers": "workers: also join tokens, workers and heartbeats",
}


class TokensParameters(Parameters):
    """Whose tokens, and which."""

    everyone: Flag = Field(False, description="The tokens of all users; staff only.")
    ended: Flag = Field(False, description="Those that were revoked or have expired too.")
    offset: Offset = Field(0, description="How many tokens are left out.")


class TokenEnd(NamedTuple):
    """Until when a token is valid, in words, and the tone of that."""

    words: str
    tone: str
    is_live: bool


async def tokens(context: Context, call: PageCall[TokensParameters]) -> Response:
    """Shows the tokens, and the form for a new one."""
    return await _shown(context, call, call.form, 200)


async def _shown(context: Context, call: PageCall[TokensParameters], form: Form, status: int) -> Response:
    query, principal, settings = call.query, call.principal, context.settings
    rows, total = await queries.page(
        context,
        principal,
        of_everyone=query.everyone,
        include_inactive=query.ended,
        limit=ROWS,
        offset=query.offset,
    )
    scopes = [scope for scope in SCOPES if principal.is_staff or scope not in STAFF_SCOPES]
    most_days = settings.api_token_most_days
    default_days = min(settings.api_token_days, most_days)
    return await rendered(
        context,
        call,
        "tokens.html",
        "Tokens",
        status,
        tokens=[(token, _end(token)) for token in rows],
        columns=_columns(with_owners=query.everyone),
        query=query,
        views=_views(call),
        form=form,
        scopes=[(scope, _WORDS[scope]) for scope in scopes],
        hint=f"12h, 30d; at most {most_days}d. Empty: {default_days}d.",
        place=pager(call.request, total, query.offset, len(rows)),
    )


def _columns(*, with_owners: bool) -> Sequence[TableColumn]:
    labels = ("Name", *(("Owner",) if with_owners else ()), "Scopes", "Until", "Last use")
    return [TableColumn("Key", is_number=True), *map(TableColumn, labels), TableColumn("Revoke")]


def _views(call: PageCall[TokensParameters]) -> Sequence[tuple[str, str, bool]]:
    """The choices of the list: their words, their addresses, and whether each is chosen."""
    ended = ("Also those that have ended", "ended", call.query.ended)
    everyone = ("Of all users", "everyone", call.query.everyone)
    choices = (ended, everyone) if call.principal.is_staff else (ended,)
    return [
        (words, address_with(call.request, **{name: None if is_chosen else "true"}), is_chosen)
        for words, name, is_chosen in choices
    ]


def _end(token: Mapping[str, Any]) -> TokenEnd:
    if token["revoked"] is not None:
        return TokenEnd("revoked", "plain", is_live=False)
    left_seconds = (datetime.fromisoformat(token["expires"]) - datetime.now(UTC)).total_seconds()
    if left_seconds <= 0:
        return TokenEnd("expired", "plain", is_live=False)
    return TokenEnd(moment(token["expires"]), "warn" if left_seconds < _SOON_SECONDS else "", is_live=True)


async def create(context: Context, call: PageCall[TokensParameters]) -> Response:
    """Makes a token and shows it, for the only time: the answer is kept nowhere, and its address does not give it again."""
    try:
        made = await queries.create(context, call.principal, _parsed(call.form))
    except (Invalid, Conflict, Forbidden) as error:
        return await _shown(context, call, call.form.with_mistakes(_beside_field(error)), status_of(error))
    return await rendered(
        context,
        call,
        "token_made.html",
        f"{made['name']} · Tokens",
        201,
        above=_ABOVE,
        name=made["name"],
        secret=made["token"],
        sentence=f"Valid for {', '.join(made['scopes'])} until {moment(made['expires'])}.",
    )


def _parsed(form: Form) -> ApiTokenCreate:
    problems: list[Problem] = []
    values: dict[str, object] = {"name": form.text("name"), "scopes": form.all("scopes")}
    try:
        values["expires_in"] = duration_typed("expires_in", form.text("expires_in"))
    except Invalid as error:
        problems += error.problems
    if not form.all("scopes"):
        problems.append(Problem("scopes", "missing", "Choose what the token may do."))
        values["scopes"] = ["read"]
    try:
        request = parse_body(values, ApiTokenCreate)
    except Invalid as error:
        problems += error.problems
    if problems:
        raise Invalid("", problems=problems)
    return request


def _beside_field(error: Invalid | Conflict | Forbidden) -> Invalid | Conflict | Forbidden:
    """The error at the field that it is about, where it names none."""
    field = {"duplicate": "name", "staff_scope": "scopes"}.get(error.code)
    if field is None or error.problems:
        return error
    return Invalid.at(field, error.code, error.detail)


async def ask_to_revoke(context: Context, call: PageCall[NoParameters]) -> Response:
    """Asks before a token is revoked."""
    token = await _token(context, call)
    is_own = token["owner"] == call.principal.name
    whose = "" if is_own else f" of {token['owner']}"
    asked = RemovalQuestion(
        title="Revoke",
        question=f"Revoke {token['name']}{whose}?",
        uses=f"Last use: {ago(token['last_used'])}. Programs that have this token are refused at once.",
        button="Revoke",
        back=_list_with(is_own=is_own),
        above=_ABOVE,
    )
    return await ask(context, call, asked)


async def revoke(context: Context, call: PageCall[NoParameters]) -> Response:
    """Revokes a token."""
    token = await _token(context, call)
    await queries.revoke(context, call.principal, call.pk)
    is_own = token["owner"] == call.principal.name
    return see_other(call.request, _list_with(is_own=is_own), f"Revoked {token['name']}.")


def _list_with(*, is_own: bool) -> str:
    return "/tokens" if is_own else "/tokens?everyone=true"


async def _token(context: Context, call: PageCall[NoParameters]) -> Mapping[str, Any]:
    try:
        return await queries.token(context, call.principal, call.pk)
    except NotFound:
        raise NotFound(f"You have no valid token with the key {call.pk}: /tokens lists your tokens.") from None


PAGES = (
    PageRoute("GET", "/tokens", tokens, ANY_USER, label="Tokens", query=TokensParameters),
    PageRoute("POST", "/tokens", create, ANY_USER, query=TokensParameters),
    PageRoute("GET", "/tokens/{pk}/revoke", ask_to_revoke, ANY_USER),
    PageRoute("POST", "/tokens/{pk}/revoke", revoke, ANY_USER),
)
