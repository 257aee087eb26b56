"""The registries: the check states of their images, and their credentials, which staff may give another password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field
from starlette.responses import Response

from bayplan.domain.check_state import STATES
from bayplan.errors import BayplanError, Invalid, NotFound, Problem
from bayplan.schemas.credentials import Rotation
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.credentials import queries as credentials
from bayplan.server.http.parameters import LINE, Flag, Offset, Parameters
from bayplan.server.registry_hosts import queries
from bayplan.server.registry_hosts.queries import RegistryHost
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import count
from bayplan.web.images import STATE_TONES
from bayplan.web.listing import ROWS, TableColumn, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other

_UNCHECKED = "unchecked"
# The registry's error for who uses the API names its field; here it is a box of the form.
_OF_THE_API, _OF_THE_FORM = "send 'check' false", "remove this tick and type the password twice"
_REGISTRY_COLUMNS = (
    TableColumn("Registry"),
    TableColumn("Images", is_number=True),
    TableColumn("States"),
    TableColumn("Last check"),
    TableColumn("Next check"),
)
_CREDENTIAL_COLUMNS = (
    TableColumn("Registry"),
    TableColumn("User"),
    TableColumn("Images", is_number=True),
    TableColumn("Passwords", is_number=True),
    TableColumn("Used"),
    TableColumn("Refused"),
    TableColumn("Given"),
    TableColumn("Change"),
)


class RegistriesParameters(Parameters):
    """Which part of the two lists."""

    offset: Offset = Field(0, description="How many registries are left out.")
    credentials_offset: Offset = Field(0, description="How many credentials are left out.")
    refused: Flag = Field(False, description="Only credentials that their registry refused when it was asked last.")


class RotationParameters(Parameters):
    """The credentials that get another password."""

    registry: Annotated[str, LINE] = Field("", description="The host of the registry.")
    username: Annotated[str, LINE] = Field("", description="The user name there.")


@dataclass(frozen=True, slots=True)
class StateShown:
    """A check state, the images that are in it, and the address of their list."""

    word: str
    tone: str
    images: int
    path: str


@dataclass(frozen=True, slots=True)
class CredentialsShown:
    """A user name at a registry, its use, and the address at which it gets another password."""

    use: Mapping[str, Any]
    is_refused: bool
    path: str


async def registries(context: Context, call: PageCall[RegistriesParameters]) -> Response:
    """Shows the registries, and to staff their credentials."""
    query = call.query
    hosts = await queries.hosts(context, call.version)
    uses: Sequence[Mapping[str, Any]] = ()
    if call.principal.is_staff:
        uses = await credentials.overview(context.db, context.keyring)
        if query.refused:
            uses = [use for use in uses if _is_refused(use)]
    shown = hosts[query.offset : query.offset + ROWS]
    shown_uses = uses[query.credentials_offset : query.credentials_offset + ROWS]
    place_of_uses = pager(call.request, len(uses), query.credentials_offset, len(shown_uses), name="credentials_offset")
    return await rendered(
        context,
        call,
        "registries.html",
        "Registries",
        hosts=[(host, _images_path(host.host), _states(host)) for host in shown],
        credentials=[_credentials(use) for use in shown_uses],
        refused_alone=query.refused,
        columns={"registries": _REGISTRY_COLUMNS, "credentials": _CREDENTIAL_COLUMNS},
        place=pager(call.request, len(hosts), query.offset, len(shown)),
        place_of_credentials=place_of_uses,
    )


def _images_path(host: str, state: str = "") -> str:
    return f"/images?{urlencode({'registry': host, **({'state': state} if state else {})})}"


def _states(host: RegistryHost) -> list[StateShown]:
    """The states that images of a registry are in, those that a person has to mend first."""
    return [
        StateShown(
            "not checked yet" if state == _UNCHECKED else state,
            STATE_TONES.get(state, "plain"),
            host.states[state],
            _images_path(host.host, state),
        )
        for state in (*(state for state in STATES if state != "ok"), "ok", _UNCHECKED)
        if state in host.states
    ]


def _credentials(use: Mapping[str, Any]) -> CredentialsShown:
    query = urlencode({"registry": use["registry"], "username": use["username"]})
    return CredentialsShown(use, _is_refused(use), f"/registries/rotate?{query}")


def _is_refused(use: Mapping[str, Any]) -> bool:
    return use["last_refused"] is not None and (use["last_used"] or "") < use["last_refused"]


async def rotation_form(context: Context, call: PageCall[RotationParameters]) -> Response:
    """Shows the form for another password."""
    return await _shown(context, call, call.form)


async def rotate(context: Context, call: PageCall[RotationParameters]) -> Response:
    """Gives credentials another password, and goes on; or shows the form with what is wrong."""
    try:
        rotation = _rotation(call)
        done = await queries.rotate(context, call.principal, rotation)
    except Invalid as error:
        return await _shown(context, call, call.form.with_mistakes(error), 422)
    except queries.RegistryError as error:
        return await _shown(context, call, call.form.with_mistakes(_beside_field(error)), 422)
    have = "has" if done["images"] == 1 else "have"
    notice = f"{count(done['images'], 'image')} {have} the new credentials. {done['detail']}"
    return see_other(call.request, "/registries", notice)


def _rotation(call: PageCall[RotationParameters]) -> Rotation:
    """The rotation in the form; raises `Invalid` with every mistake."""
    form, check = call.form, call.form.is_checked("check")
    values: dict[str, object] = {
        "registry": call.query.registry,
        "registry_username": call.query.username,
        "registry_password": form.exact("registry_password"),
        "check": check,
    }
    if username := form.text("new_username"):
        values["new_username"] = username
    problems: list[Problem] = []
    if not form.exact("registry_password"):
        problems.append(Problem("registry_password", "missing", "Type the new password."))
    elif not check and form.exact("again") != form.exact("registry_password"):
        detail = "Type the same password again: the registry does not try it, so nobody else notices a mistake."
        problems.append(Problem("again", "invalid", detail))
    try:
        rotation = parse_body(values, Rotation)
    except Invalid as error:
        named = {problem.field for problem in problems}
        problems += [problem for problem in error.problems if problem.field not in named]
        raise Invalid(error.public_detail, problems=problems) from None
    if problems:
        raise Invalid("", problems=problems)
    return rotation


def _beside_field(error: BayplanError) -> Invalid:
    """The registry's error at the password that it refused, or at the choice to ask it."""
    field = "registry_password" if isinstance(error, queries.RegistryDenied) else "check"
    return Invalid.at(field, error.code, error.public_detail.replace(_OF_THE_API, _OF_THE_FORM))


async def _shown(context: Context, call: PageCall[RotationParameters], form: Form, status: int = 200) -> Response:
    query = call.query
    uses = await credentials.overview(context.db, context.keyring)
    use = next((use for use in uses if (use["registry"], use["username"]) == (query.registry, query.username)), None)
    if use is None:
        raise NotFound(
            f"No image of '{query.registry}' has credentials with the user name '{query.username}': the page of "
            "registries lists all credentials."
        )
    return await rendered(
        context,
        call,
        "registry_rotation.html",
        f"Another password for {query.username} · Registries",
        status,
        form=form,
        use=use,
        credentials=_credentials(use),
    )


PAGES = (
    PageRoute("GET", "/registries", registries, label="Registries", query=RegistriesParameters),
    PageRoute("GET", "/registries/rotate", rotation_form, STAFF, query=RotationParameters),
    PageRoute("POST", "/registries/rotate", rotate, STAFF, query=RotationParameters),
)
