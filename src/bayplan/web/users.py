"""The users, for staff: the list, adding one, and what each may do."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Conflict, Invalid
from bayplan.schemas.users import UserCreate, UserPatch
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.crud import queries as crud
from bayplan.server.http.parameters import LINE, ListParameters, NoParameters, Offset, Parameters
from bayplan.server.http.responses import fingerprint
from bayplan.server.resources import RESOURCES
from bayplan.server.users import queries
from bayplan.web import new_password
from bayplan.web.form import Form, parse_body, status_of
from bayplan.web.listing import ROWS, TableColumn, pager, sorted_column
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.question import RemovalQuestion, ask
from bayplan.web.rendering import rendered, see_other

_USERS = next(resource for resource in RESOURCES if resource.name == "users")
_TEXTS = ("username", "first_name", "last_name", "email")
_CHANGED = (*_TEXTS, "is_staff")
_SEARCHED = ("username", "first_name", "last_name", "email")
_ORDERS = {"user": "username", "seen": "last_login"}
_STAFF = STAFF.saying(
    "Only staff may see and change users. What you may change of yourself is on your own page: /account."
)
_ABOVE = [("Users", "/users")]
_NOT_YOURS = "Somebody else changed this after you opened this page. Save again to put what you chose in its place."


class UsersParameters(Parameters):
    """Which users, and their order."""

    q: Annotated[str, LINE] = Field("", description="A part of the name or of the e-mail address.")
    sort: Annotated[str, LINE] = Field(
        "user", description="The column by which they are sorted, downwards with `-` before it."
    )
    offset: Offset = Field(0, description="How many users are left out.")


async def users(context: Context, call: PageCall[UsersParameters]) -> Response:
    """Shows a page of the users."""
    query, principal = call.query, call.principal
    sub = [
        {"type": "contains", "field": name, "sub_string": text, "case_insensitive": True}
        for name in _SEARCHED
        if (text := query.q.strip())
    ]
    expressions = [{"type": "or", "sub_expressions": sub}] if sub else []
    path = _ORDERS.get(query.sort.removeprefix("-"))
    order = [] if path is None else [{"field": path, "ascending": not query.sort.startswith("-")}]
    body = orjson.dumps({"expressions": expressions, "order_by": order})
    part = ListParameters.model_validate({"limit": str(ROWS), "offset": str(query.offset)})
    chosen = await crud.listing(_USERS, principal, body, part)
    page = await crud.page(context, principal, chosen, call.version, context.disclosure(), None)
    assert isinstance(page.body, bytes)  # only lists of images come in parts
    rows = orjson.loads(page.body)
    columns = [
        TableColumn("Key", is_number=True),
        sorted_column(call.request, "User", "user", query.sort),
        TableColumn("Name"),
        TableColumn("Rights"),
        sorted_column(call.request, "Last log-in", "seen", query.sort),
    ]
    return await rendered(
        context,
        call,
        "users.html",
        "Users",
        users=[(user, name_of(user), *rights_of(user)) for user in rows],
        columns=columns,
        form=Form({"q": [query.q]}),
        place=pager(call.request, page.total or 0, query.offset, len(rows)),
    )


def name_of(user: Mapping[str, Any]) -> str:
    """Gives the first and the last name of a user, "-" where they have none."""
    return f"{user['first_name']} {user['last_name']}".strip() or "-"


def rights_of(user: Mapping[str, Any]) -> tuple[str, str]:
    """Gives what a user may do, in a word, and the tone of that."""
    if not user["is_active"]:
        return "deactivated", "warn"
    return ("staff", "good") if user["is_staff"] else ("reads", "plain")


async def new_user(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows the form for a new user."""
    return await _new_user_form(context, call, call.form, 200)


async def _new_user_form(context: Context, call: PageCall[NoParameters], form: Form, status: int) -> Response:
    return await rendered(
        context, call, "user_new.html", "Add a user · Users", status, form=form, above=_ABOVE, hint=new_password.HINT
    )


async def add_user(context: Context, call: PageCall[NoParameters]) -> Response:
    """Adds a user, or shows the form with what is wrong."""
    try:
        values = {**_values(call.form), "is_staff": call.form.is_checked("is_staff")}
        body = new_password.parse_with_password(call.form, values, UserCreate)
        written = await crud.create(context, _sender(call), _USERS, body.values(), ())
    except (Invalid, Conflict) as error:
        return await _new_user_form(context, call, call.form.with_mistakes(error), status_of(error))
    user = written.content
    sentence = f"Added {'the staff user' if user['is_staff'] else 'the user'} {user['username']}."
    return see_other(call.request, f"/users/{user['pk']}", sentence)


async def user(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows a user, and the form that changes them."""
    return await _shown(context, call, call.form, 200)


async def _shown(context: Context, call: PageCall[NoParameters], form: Form, status: int) -> Response:
    existing = await loaded(context, call, call.pk)
    return await rendered(
        context,
        call,
        "user.html",
        f"{existing['username']} · Users",
        status,
        form=form,
        user=existing,
        name=name_of(existing),
        rights=rights_of(existing),
        before={name: _mark(existing[name]) for name in _CHANGED},
        above=_ABOVE,
        is_oneself=call.pk == call.principal.user,
    )


async def change_user(context: Context, call: PageCall[NoParameters]) -> Response:
    """Changes a user, or shows the form with what is wrong."""
    form = call.form
    existing = await loaded(context, call, call.pk)
    now = {name: _mark(existing[name]) for name in _CHANGED}
    before = {name: form.exact(f"before_{name}", mark) for name, mark in now.items()}
    try:
        values = {**_values(form), "is_staff": form.is_checked("is_staff")}
        typed = parse_body(values, UserPatch).model_dump(exclude_unset=True)
        # What somebody else changed meanwhile, and this person did not, stays.
        changes = {
            name: value for name, value in typed.items() if _mark(value) != before[name] and value != existing[name]
        }
        if not changes:  # the history has no entry of nothing
            return see_other(call.request, f"/users/{call.pk}", "Nothing was changed.")
        if theirs := [name for name in changes if now[name] != before[name]]:
            wrong = Form(
                {name: [str(value)] for name, value in (existing | changes).items() if value is not False},
                {name: [_NOT_YOURS] for name in theirs},
            )
            return await _shown(context, call, wrong, 412)
        changed = await _change(context, call, changes)
    except (Invalid, Conflict) as error:
        return await _shown(context, call, form.with_mistakes(error), status_of(error))
    return see_other(call.request, f"/users/{call.pk}", f"Changed {changed['username']}.")


async def password_form(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows the form for a user's new password; for oneself, the way to the page of one's account."""
    return await _password_form(context, call, call.form, 200)


async def _password_form(context: Context, call: PageCall[NoParameters], form: Form, status: int) -> Response:
    existing = await loaded(context, call, call.pk)
    above = [*_ABOVE, (existing["username"], f"/users/{call.pk}")]
    title = f"New password · {existing['username']} · Users"
    return await rendered(
        context,
        call,
        "user_password.html",
        title,
        status,
        form=form,
        user=existing,
        is_oneself=call.pk == call.principal.user,
        above=above,
        hint=new_password.HINT,
    )


async def set_password(context: Context, call: PageCall[NoParameters]) -> Response:
    """Gives another user a new password, which ends their sessions and tokens."""
    if call.pk == call.principal.user:  # for one's own the old one is asked for
        return see_other(call.request, "/account", "Nothing was changed: type your old password, too.")
    try:
        body = new_password.parse_with_password(call.form, {}, UserPatch)
        changed = await _change(context, call, body.model_dump(exclude_unset=True))
    except (Invalid, Conflict) as error:
        return await _password_form(context, call, call.form.with_mistakes(error), status_of(error))
    sentence = f"{changed['username']} has a new password; their sessions and tokens have ended."
    return see_other(call.request, f"/users/{call.pk}", sentence)


async def ask_to_deactivate(context: Context, call: PageCall[NoParameters]) -> Response:
    """Asks before a user is deactivated."""
    return await _question(context, call, Form(), 200)


async def _question(context: Context, call: PageCall[NoParameters], form: Form, status: int) -> Response:
    existing = await loaded(context, call, call.pk)
    username, path = existing["username"], f"/users/{call.pk}"
    staff = " (staff)" if existing["is_staff"] else ""
    asked = RemovalQuestion(
        title="Deactivate",
        question=f"Deactivate {username}{staff}?",
        uses=f"Their sessions and tokens end, and what they added stays.{await queries.uses(context, call.pk)}",
        button="Deactivate",
        back=path,
        above=[*_ABOVE, (username, path)],
    )
    return await ask(context, call, asked, form, status)


async def deactivate(context: Context, call: PageCall[NoParameters]) -> Response:
    """Deactivates a user, which ends their sessions and tokens."""
    try:
        changed = await _change(context, call, {"is_active": False})
    except Conflict as error:
        return await _question(context, call, call.form.with_mistakes(error), status_of(error))
    return see_other(call.request, f"/users/{call.pk}", f"Deactivated {changed['username']}.")


async def activate(context: Context, call: PageCall[NoParameters]) -> Response:
    """Lets a user log in again who was deactivated."""
    changed = await _change(context, call, {"is_active": True})
    return see_other(call.request, f"/users/{call.pk}", f"{changed['username']} may log in again.")


def _values(form: Form) -> dict[str, object]:
    return {name: form.text(name) for name in _TEXTS}


def _mark(value: str | bool) -> str:
    """What a form sends back of a value with which it was shown: names can be long."""
    return fingerprint(str(value).encode())


def _sender(call: PageCall[Any]) -> crud.Sender:
    return crud.Sender(call.principal, call.address)


async def loaded(context: Context, call: PageCall[Any], pk: int) -> dict[str, Any]:
    """Gives a user; raises `NotFound`."""
    existing, _ = await crud.load(context, call.principal, _USERS, pk, (), call.version, context.disclosure())
    assert isinstance(existing, dict)  # only images come as JSON
    return existing


async def _change(context: Context, call: PageCall[Any], changes: dict[str, Any]) -> dict[str, Any]:
    written = await crud.change(context, _sender(call), _USERS, call.pk, changes, (), action="change", if_match=None)
    return written.content


PAGES = (
    PageRoute("GET", "/users", users, _STAFF, label="Users", query=UsersParameters),
    PageRoute("GET", "/users/new", new_user, _STAFF),
    PageRoute("POST", "/users/new", add_user, _STAFF),
    PageRoute("GET", "/users/{pk}", user, _STAFF),
    PageRoute("POST", "/users/{pk}", change_user, _STAFF),
    PageRoute("GET", "/users/{pk}/password", password_form, _STAFF),
    PageRoute("POST", "/users/{pk}/password", set_password, _STAFF),
    PageRoute("GET", "/users/{pk}/deactivate", ask_to_deactivate, _STAFF),
    PageRoute("POST", "/users/{pk}/deactivate", deactivate, _STAFF),
    PageRoute("POST", "/users/{pk}/activate", activate, _STAFF),
)
