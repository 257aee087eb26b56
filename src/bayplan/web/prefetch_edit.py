"""Adding, changing and removing prefetch rules."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from bayplan.domain.uses import uses_of_rule
from bayplan.errors import BayplanError, Conflict, Invalid, PreconditionFailed, Problem
from bayplan.schemas.prefetch import PrefetchCreate
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.crud import queries as crud
from bayplan.server.http.parameters import NoParameters
from bayplan.server.images import queries as images
from bayplan.server.prefetch import queries
from bayplan.server.resources import RESOURCES
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import count
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.prefetch_filters import OF_IMAGES, OF_NODES, RuleNames, filter_of, lines, texts_of
from bayplan.web.question import RemovalQuestion, ask
from bayplan.web.rendering import rendered, see_other

_RULES = next(resource for resource in RESOURCES if resource.name == "prefetch")
_FIELDS: Mapping[str, Sequence[str]] = {"images": OF_IMAGES, "nodes": OF_NODES}
_LABELS = {
    "name": "Name",
    "task": "Tasks",
    "domain": "Domains",
    "framework": "Frameworks",
    "image": "Images",
    "images": "Filter of images",
    "node": "Nodes",
    "generation": "Generations",
    "label": "Labels",
    "nodes": "Filter of nodes",
}
"""The fields of the form, in their order; `images` and `nodes` are filters as the API takes them."""
_LINES = ("framework", "image", "node", "label")
_MOST_BOXES = 100
_EXAMPLE = '{"expressions": [{"type": "contains", "field": "name", "sub_string": "torch"}]}'
_ALL: Mapping[str, Any] = {"expressions": [], "order_by": []}

Call = PageCall[NoParameters]


async def add_form(context: Context, call: Call) -> Response:
    """Shows the form of a new rule."""
    return await _shown(context, call, call.form, await _names(context, call.version))


async def add(context: Context, call: Call) -> Response:
    """Adds a rule, and goes on to its page; or shows the form with what is wrong."""
    names = await _names(context, call.version)
    try:
        body = await asyncio.to_thread(_body, call.form, names)
        written = await crud.create(context, _sender(call), _RULES, body.values(), ())
    except (Invalid, Conflict) as error:
        return await _shown(context, call, call.form.with_mistakes(error), names, 422)
    return see_other(call.request, f"/prefetch/{written.content['pk']}", f"Added the rule {body.name!r}.")


async def edit_form(context: Context, call: Call) -> Response:
    """Shows the form of a rule, with what it says."""
    existing, tag = await queries.rule(context, call.principal, call.pk)
    names = await _names(context, call.version)
    form = await asyncio.to_thread(_filled, existing, names)
    return await _shown(context, call, form, names, rule=existing, tag=tag)


async def edit(context: Context, call: Call) -> Response:
    """Changes a rule, and goes on to its page; or shows the form with what is wrong."""
    names, tag = await _names(context, call.version), call.form.text("tag")
    try:
        body = await asyncio.to_thread(_body, call.form, names)
        await crud.change(
            context, _sender(call), _RULES, call.pk, body.values(), (), action="change", if_match=f'"{tag}"'
        )
    except (Invalid, Conflict, PreconditionFailed) as error:
        existing, newest = await queries.rule(context, call.principal, call.pk)
        status = 422
        wrong: BayplanError = error
        if isinstance(error, PreconditionFailed):
            tag, status = newest, 412
            wrong = Invalid("The rule was changed after you opened this page. Save again to put this in its place.")
        return await _shown(context, call, call.form.with_mistakes(wrong), names, status, rule=existing, tag=tag)
    return see_other(call.request, f"/prefetch/{call.pk}", f"Changed the rule {body.name!r}.")


async def delete_question(context: Context, call: Call) -> Response:
    """Asks whether to remove a rule, and says what that means for the machines."""
    return await _asked(context, call)


async def delete(context: Context, call: Call) -> Response:
    """Removes a rule, and goes on to the others."""
    existing, _ = await queries.rule(context, call.principal, call.pk)
    try:
        await crud.delete(context, call.principal, _RULES, call.pk, if_match=f'"{call.form.text("tag")}"')
    except PreconditionFailed:
        return await _asked(
            context, call, Invalid("The rule was changed after you opened this page. Look at it, then remove it.")
        )
    return see_other(call.request, "/prefetch", f"Removed the rule {existing['name']!r}.")


def _sender(call: Call) -> crud.Sender:
    return crud.Sender(call.principal, call.address)


async def _names(context: Context, version: int) -> RuleNames:
    names = await images.catalogue_names(context)
    table, fleet = await context.image_tables.at(version), await context.kinds.at(version)
    rows = [row for row in table.rows if row.state != "deleted"]
    tasks = sorted({task for row in rows for task in row.tasks}, key=str.casefold)
    domains = [name for name, _ in names.domains]
    return RuleNames(tasks, domains, names.frameworks, rows, names.generations, list(fleet.names.values()))


def _body(form: Form, names: RuleNames) -> PrefetchCreate:
    """The body of the API for what was typed; raises `Invalid` with every mistake."""
    values: dict[str, Any] = {"name": form.text("name")}
    problems: list[Problem] = []
    for kind in _FIELDS:
        values[kind] = _ALL
        try:
            values[kind] = _filter(form, kind, names)
        except Invalid as error:
            problems += error.problems
    try:
        body = parse_body(values, PrefetchCreate)
    except Invalid as error:
        problems += error.problems
        raise Invalid(error.detail, problems=problems) from None
    if problems:
        raise Invalid("", problems=problems)
    return body


def _filter(form: Form, kind: str, names: RuleNames) -> object:
    """The filter that the fields make, or the one that was typed as JSON; raises `Invalid`."""
    texts = {field: list(lines(form.values.get(field, ()))) for field in _FIELDS[kind]}
    typed = form.text(kind)
    if typed and any(texts.values()):
        detail = f"This filter says all about the {kind}: leave it empty, or the fields above it."
        raise Invalid.at(kind, "invalid", detail)
    if typed:
        try:
            content = orjson.loads(typed)
        except orjson.JSONDecodeError:
            raise Invalid.at(kind, "invalid", f"This is not JSON. Write it like {_EXAMPLE}.") from None
        return {**_ALL, **content} if isinstance(content, dict) else content
    if kind == "images" and not any(texts.values()):
        raise Invalid.at(kind, "missing", "Name images by the fields above; {} in this field stands for all images.")
    return filter_of(kind, texts, names)


def _filled(existing: Mapping[str, Any], names: RuleNames) -> Form:
    """The form of a rule: by fields where these can say it, else by its filters."""
    values: dict[str, list[str]] = {"name": [existing["name"]]}
    for kind in _FIELDS:
        texts = texts_of(kind, existing[kind], names) if kind == "nodes" or existing[kind]["expressions"] else None
        if texts is None:
            values[kind] = [orjson.dumps(existing[kind], option=orjson.OPT_INDENT_2).decode()]
        else:
            values |= {name: ["\n".join(named)] if name in _LINES else named for name, named in texts.items()}
    return Form(values)


async def _shown(
    context: Context,
    call: Call,
    form: Form,
    names: RuleNames,
    status: int = 200,
    *,
    rule: Mapping[str, Any] | None = None,
    tag: str = "",
) -> Response:
    title = "Add a rule" if rule is None else f"Edit {rule['name']}"
    return await rendered(
        context,
        call,
        "prefetch_edit.html",
        f"{title} · Prefetch",
        status,
        form=form,
        rule=rule,
        tag=tag,
        labels=_LABELS,
        example=_EXAMPLE,
        tasks=_boxes(form, "task", names.tasks),
        domains=_boxes(form, "domain", names.domains),
        generations=_boxes(form, "generation", names.generations),
        is_open={kind: bool(form.text(kind) or form.mistakes_of(kind)) for kind in _FIELDS},
    )


def _boxes(form: Form, field: str, existing: Sequence[str]) -> list[tuple[str, str]]:
    """The choices of a field: first those that are chosen, in their order, also where they are wrong."""
    return [(name, name) for name in dict.fromkeys((*form.all(field)[:_MOST_BOXES], *existing[:_MOST_BOXES]))]


async def _asked(context: Context, call: Call, error: Invalid | None = None) -> Response:
    existing, tag = await queries.rule(context, call.principal, call.pk)
    meaning = await queries.removal(context, call.principal, call.version, existing)
    path = f"/prefetch/{call.pk}"
    lost = (
        f" {count(meaning.machines, 'machine')} {'has' if meaning.machines == 1 else 'have'} "
        f"{count(meaning.lost_images, 'image')} for this rule alone: workers remove "
        f"{'it' if meaning.lost_images == 1 else 'them'} there, once no container uses "
        f"{'it' if meaning.lost_images == 1 else 'them'}."
        if meaning.machines
        else " No machine has an image for this rule alone, so workers remove nothing."
    )
    question = RemovalQuestion(
        "Remove",
        f"Remove the rule {existing['name']!r}?",
        uses_of_rule(meaning.images, meaning.nodes) + lost,
        "Remove it",
        path,
        [("Prefetch", "/prefetch"), (existing["name"], path)],
        {"tag": tag},
    )
    if error is None:
        return await ask(context, call, question)
    return await ask(context, call, question, call.form.with_mistakes(error), 412)


PAGES = (
    PageRoute("GET", "/prefetch/new", add_form, STAFF),
    PageRoute("POST", "/prefetch/new", add, STAFF),
    PageRoute("GET", "/prefetch/{pk}/edit", edit_form, STAFF),
    PageRoute("POST", "/prefetch/{pk}/edit", edit, STAFF),
    PageRoute("GET", "/prefetch/{pk}/delete", delete_question, STAFF),
    PageRoute("POST", "/prefetch/{pk}/delete", delete, STAFF),
)
