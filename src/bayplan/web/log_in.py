"""Logging in by a form, and logging out."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Invalid, Problem, TooManyAttempts, Unauthenticated
from bayplan.schemas.auth import UserCredentials
from bayplan.server.auth.access import ANY_USER, PUBLIC
from bayplan.server.context import Context
from bayplan.server.http.parameters import PRINTABLE, NoParameters, Parameters
from bayplan.server.sessions import queries
from bayplan.web.form import Form, parse_body
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other
from bayplan.web.session import COOKIE, own_path, remove_cookie, set_cookie

_MOST_BYTES = 65_536
"""Of a form that anybody may send."""
_FIELDS = {"username": "user name", "password": "password"}


class LogInParameters(Parameters):
    """Where to go on after the log-in."""

    next: Annotated[str, PRINTABLE] = Field("/", description="The path to go on to.")


async def log_in_form(context: Context, call: PageCall[LogInParameters]) -> Response:
    """Shows the form; sends on who is logged in."""
    if call.is_logged_in:
        return see_other(call.request, own_path(call.query.next))
    return await _shown(context, call, call.form, 200)


async def log_in(context: Context, call: PageCall[LogInParameters]) -> Response:
    """Begins a session and goes on, or shows the form with what is wrong."""
    try:
        credentials = _credentials(call.form)
        session = await queries.page_session(context, credentials, call.address)
    except (Invalid, Unauthenticated, TooManyAttempts) as error:
        status = 422 if isinstance(error, Invalid) else 401 if isinstance(error, Unauthenticated) else 429
        response = await _shown(context, call, call.form.with_mistakes(error), status)
        if isinstance(error, TooManyAttempts):
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    response = see_other(call.request, own_path(call.query.next))
    set_cookie(call.request, response, COOKIE, session, int(context.tokens.refresh.total_seconds()))
    return response


def _credentials(form: Form) -> UserCredentials:
    """The credentials in the form; raises `Invalid` with a sentence for each field that is not filled in."""
    empty = [
        Problem(name, "missing", f"Type your {word}.")
        for name, word in _FIELDS.items()
        if not form.exact(name).strip(" ")
    ]
    if empty:
        raise Invalid("", problems=empty)
    return parse_body({name: form.exact(name) for name in _FIELDS}, UserCredentials)


async def _shown(context: Context, call: PageCall[LogInParameters], form: Form, status: int) -> Response:
    is_new = not await queries.has_been_used(context)
    following = own_path(call.query.next)
    return await rendered(context, call, "login.html", "Log in", status, form=form, is_new=is_new, following=following)


async def log_out(_context: Context, call: PageCall[NoParameters]) -> Response:
    """Ends the session in this browser."""
    response = see_other(call.request, "/login", "You are logged out.")
    remove_cookie(call.request, response, COOKIE)
    return response


PAGES = (
    PageRoute("GET", "/login", log_in_form, PUBLIC, query=LogInParameters),
    PageRoute("POST", "/login", log_in, PUBLIC, query=LogInParameters, most_bytes=_MOST_BYTES, most_at_once=None),
    PageRoute("POST", "/logout", log_out, ANY_USER, most_at_once=None),
)
