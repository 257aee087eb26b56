"""The account of who is logged in: what they may do, and a new password for the old one."""

from starlette.responses import Response

from bayplan.errors import Invalid, Problem, TooManyAttempts
from bayplan.schemas.users import OwnPassword
from bayplan.server.auth.access import ANY_USER
from bayplan.server.context import Context
from bayplan.server.http.parameters import NoParameters
from bayplan.server.users import queries
from bayplan.web import new_password
from bayplan.web.form import Form, status_of
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other
from bayplan.web.session import COOKIE, set_cookie
from bayplan.web.users import loaded, name_of, rights_of


async def account(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows who is logged in, and the form for a new password."""
    return await _shown(context, call, call.form, 200)


async def _shown(context: Context, call: PageCall[NoParameters], form: Form, status: int) -> Response:
    assert call.principal.user is not None  # the page is for users
    myself = await loaded(context, call, call.principal.user)
    return await rendered(
        context,
        call,
        "account.html",
        "Your account",
        status,
        form=form,
        user=myself,
        name=name_of(myself),
        rights=rights_of(myself),
        hint=new_password.HINT,
    )


async def change_password(context: Context, call: PageCall[NoParameters]) -> Response:
    """Gives the user a new password, which ends all other sessions; this browser goes on with a session of its own."""
    form = call.form
    try:
        change = _parsed(form)
        session = await queries.change_password_on_page(context, call.principal, change, call.address)
    except (Invalid, TooManyAttempts) as error:
        response = await _shown(context, call, form.with_mistakes(error), status_of(error))
        if isinstance(error, TooManyAttempts):
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    sentence = "You have a new password; your other sessions and your tokens for programs have ended."
    response = see_other(call.request, "/account", sentence)
    set_cookie(call.request, response, COOKIE, session, int(context.tokens.refresh.total_seconds()))
    return response


def _parsed(form: Form) -> OwnPassword:
    old_password = form.exact("old_password")
    problems = [] if old_password else [Problem("old_password", "missing", "Type your old password.")]
    try:
        change = new_password.parse_with_password(form, {"old_password": old_password}, OwnPassword)
    except Invalid as error:
        problems += error.problems
    if problems:
        raise Invalid("", problems=problems)
    return change


PAGES = (
    PageRoute("GET", "/account", account, ANY_USER),
    PageRoute("POST", "/account", change_password, ANY_USER, most_at_once=None),
)
