"""Adding an image: by its reference, with what an inspection finds, or by its fields alone."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.responses import Response

from bayplan.domain import image_draft
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError, Conflict, Invalid, Malformed
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.inspection import InspectionRequest
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.http.parameters import LINE, NoParameters, Parameters
from bayplan.server.images import queries
from bayplan.server.inspections import queries as inspections
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import value_in_words
from bayplan.web.image_fields import (
    PASSWORD,
    filled,
    form_options,
    sealed,
    sent_password,
    typed_texts,
    typed_values,
    with_all_mistakes,
    with_problems,
)
from bayplan.web.listing import TableColumn
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other

_MOST_ROWS = 60
_MOST_LETTERS = 300
_ASKED = {"url": "reference", "registry_username": "reference_username", "registry_password": "reference_password"}
"""By the field of an inspection's request: the field of the form that asks for one."""
_CHECKED = ("name", "version", "cuda_version", "licence")
_TOLD = ("duplicate", "unknown_reference")
"""The fields that an inspection fills in, and by code what is told of them at once."""
_FOUND = ("Fact", "Value", "Read from", "On")

Rows = Sequence[Sequence[str]]


class NewImageParameters(Parameters):
    """The reference to begin with."""

    reference: Annotated[str, LINE] = Field("", description="What `docker pull` takes.")


async def new(context: Context, call: PageCall[NewImageParameters]) -> Response:
    """Shows the forms, with the reference in the address."""
    asked = filled({"reference": call.query.reference})
    return await _shown(context, call, asked=asked, form=Form())


async def inspect(context: Context, call: PageCall[NoParameters]) -> Response:
    """Inspects an image by its reference, and shows the fields with what was found."""
    asked = call.form
    values = {field: asked.text(name) for field, name in _ASKED.items() if asked.text(name)}
    if asked.exact("reference_password"):
        values[PASSWORD] = asked.exact("reference_password")
    try:
        request = parse_body(values, InspectionRequest)
        reference = Reference.parse(request.url)
        inspection = await inspections.inspect(context, call.principal, request)
    except (Invalid, inspections.RegistryError) as error:
        return await _shown(context, call, asked=_refused(asked, error), form=Form(), status=422)
    facts = image_draft.common_facts(inspection["platforms"])
    names = await queries.catalogue_names(context)
    texts = _texts(
        reference, request, facts, [{"name": name, "version": version} for name, version in names.frameworks]
    )
    typed = typed_values(dict.fromkeys(typed_texts(Form()), "") | texts, request.registry_password or "")
    checked = {name: typed[name] for name in _CHECKED if name in typed}
    problems = [each for each in await queries.problems_of(context, checked, {}) if each.code in _TOLD]
    form = with_problems(Form({name: [text] for name, text in texts.items()}), problems)
    return await _shown(
        context,
        call,
        asked=Form(),
        form=form,
        found=_found(inspection["platforms"]),
        digest=inspection["digest"],
        password=request.registry_password or "",
    )


async def add(context: Context, call: PageCall[NoParameters]) -> Response:
    """Adds the image, and stores its inspection where it was inspected; or shows the form with what is wrong."""
    form, principal = call.form, call.principal
    texts, password = typed_texts(form), sent_password(context, call) if form.text("registry_username") else ""
    values = typed_values(texts, password)
    if form.is_checked("needs_driver"):
        values["facts"] = {"needs_driver": True, **values.get("facts", {})}
    adds_framework = form.is_checked("create_framework")
    try:
        body = parse_body(values, ImageCreate)
        pk = await queries.add(context, principal, body.values(), adds_framework=adds_framework)
    except (Invalid, Conflict) as error:
        ignored = "framework" if adds_framework else ""
        wrong = await with_all_mistakes(context, form, error, values, None, ignored)
        found = _rows(form.exact("found"))
        digest = form.text("digest")
        return await _shown(
            context, call, asked=Form(), form=wrong, found=found, digest=digest, password=password, status=422
        )
    path, notice = f"/images/{pk}", f"Added {body.name} {body.version} as image {pk}."
    if "found" in form:
        try:
            await inspections.inspect_and_store(context, principal, pk, if_match=None)
        except (Invalid, inspections.RegistryError) as error:
            failure = f"{notice} Its inspection failed; “Inspect now” repeats it. {error.public_detail}"
            return see_other(call.request, path, failure, is_failure=True)
    return see_other(call.request, path, notice)


def _refused(asked: Form, error: BayplanError) -> Form:
    """The form that asked for an inspection, with its mistakes; what a registry says is about the reference."""
    if not error.problems:
        return asked.with_mistakes(Invalid.at("reference", error.code, error.public_detail))
    wrong = with_problems(asked, error.problems)
    return Form(asked.values, {_ASKED.get(name, name): sentences for name, sentences in wrong.mistakes.items()})


def _texts(
    reference: Reference, request: InspectionRequest, facts: Mapping[str, Any], releases: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """What the reference and the facts say, by field of the form."""
    texts = {name: str(value) for name, value in image_draft.fields_from(reference, facts).items()}
    texts |= {"url": request.url}
    if request.registry_username:
        texts["registry_username"] = request.registry_username
    without_cuda = image_draft.facts_without_cuda(facts)
    if without_cuda.get("accelerator"):
        texts["accelerator"] = str(without_cuda["accelerator"])
    if without_cuda.get("needs_driver"):
        texts["needs_driver"] = "true"
    release = image_draft.release_named(facts, releases)
    if release is not None:
        texts["framework"] = f"{release['name']} {release['version']}"
    elif facts.get("framework") and facts.get("framework_version"):
        texts |= {"framework": f"{facts['framework']} {facts['framework_version']}", "create_framework": "true"}
    return texts


def _found(platforms: Sequence[Mapping[str, Any]]) -> Rows:
    """A row for each fact with its value and its source; a fact that platforms share is one row."""
    platforms_of: dict[tuple[str, str, str], list[str]] = {}
    for platform in platforms:
        on = "/".join(filter(None, (platform["os"], platform["architecture"], platform["variant"]))) or "not named"
        for name, fact in platform["facts"].items():
            source = fact["source"] if fact["certainty"] == "stated" else f"{fact['source']} (worked out)"
            key = (name, value_in_words(name, fact["value"])[:_MOST_LETTERS], source[:_MOST_LETTERS])
            platforms_of.setdefault(key, []).append(on)
    return [
        (*key, "all" if len(on) == len(platforms) else ", ".join(on))
        for key, on in sorted(platforms_of.items())[:_MOST_ROWS]
    ]


def _rows(text: str) -> Rows | None:
    """The rows that the form was shown with; None where it was shown with none."""
    try:
        rows = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        raise Malformed("The form's field 'found' is not as it was sent: open the page again.") from None
    if not isinstance(rows, list):
        return None
    return [
        [str(cell) for cell in row] for row in rows[:_MOST_ROWS] if isinstance(row, list) and len(row) == len(_FOUND)
    ]


async def _shown(
    context: Context,
    call: PageCall[Any],
    *,
    asked: Form,
    form: Form,
    found: Rows | None = None,
    digest: str = "",
    password: str = "",
    status: int = 200,
) -> Response:
    return await rendered(
        context,
        call,
        "image_new.html",
        "Add an image · Images",
        status,
        asked=asked,
        form=form,
        found=found,
        new_framework=found is not None and form.is_checked("create_framework") and not form.mistakes_of("framework"),
        found_text="" if found is None else orjson.dumps(found).decode(),
        found_columns=[TableColumn(label) for label in _FOUND],
        digest=digest,
        sealed_password=sealed(context, call, password),
        **await form_options(context, call.version, form),
    )


PAGES = (
    PageRoute("GET", "/images/new", new, STAFF, query=NewImageParameters),
    PageRoute("POST", "/images/new", add, STAFF, most_at_once=None),
    PageRoute("POST", "/images/new/reference", inspect, STAFF, most_at_once=None),
)
