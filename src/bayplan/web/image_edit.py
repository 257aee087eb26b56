"""Changing an image, and its lifecycle; a change that somebody else made meanwhile is told, and not lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from bayplan.errors import BayplanError, Conflict, Invalid, Malformed, PreconditionFailed, Problem
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.lifecycle import LifecyclePatch
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.history import queries as history
from bayplan.server.http.parameters import NoParameters
from bayplan.server.images import queries
from bayplan.server.images.queries import EditableImage
from bayplan.server.lifecycles import queries as lifecycles
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import ago
from bayplan.web.image_fields import (
    LABELS,
    PASSWORD,
    filled,
    form_options,
    merged_form,
    sealed,
    sent_password,
    shown_texts,
    typed_texts,
    typed_values,
    with_all_mistakes,
)
from bayplan.web.page import PageCall, PageRoute, View
from bayplan.web.rendering import rendered, see_other

_LIFECYCLE = ("why", "since", "successor")

Call = PageCall[NoParameters]


def unless_deleted(view: View) -> View:
    """Gives the view of an image, for a deleted one the image's page, which offers to undo that."""

    async def shown(context: Context, call: Call) -> Response:
        try:
            return await view(context, call)
        except Conflict as error:
            if error.code != "deleted":
                raise
            return see_other(
                call.request, f"/images/{call.pk}", "This image is deleted: undo that before you change it."
            )

    return shown


async def edit_form(context: Context, call: Call) -> Response:
    """Shows the fields of an image."""
    image = await queries.load_editable(context, call.pk)
    texts = shown_texts(image.fields)
    return await _shown(context, call, image, filled(texts), texts, image.tag)


async def edit(context: Context, call: Call) -> Response:
    """Changes the fields that were typed anew, or shows the form with what is wrong, or what somebody else changed."""
    form, pk = call.form, call.pk
    texts, before = typed_texts(form), _texts_before(form)
    password = sent_password(context, call) if texts["registry_username"] else ""
    changed = {name for name in texts if texts[name] != before.get(name)}
    if password or (before.get("registry_username") and not texts["registry_username"]):
        changed.add(PASSWORD)
    name = f"{texts['name']} {texts['version']}"
    if not changed:
        return see_other(call.request, f"/images/{pk}", f"{name} is as it was.")
    everything = typed_values(texts, password)
    facts = {"accelerator": texts["accelerator"] or None} if "accelerator" in changed else {}
    try:
        body = parse_body(everything, ImageCreate).values()
        values = {name: body[name] for name in changed if name in body}
        try:
            await queries.change(context, call.principal, pk, values, facts, form.text("tag"))
        except PreconditionFailed:
            image = await queries.load_editable(context, pk)
            if shown_texts(image.fields) != before:
                return await _merged(context, call, image, texts, before)
            # It was an inspection, a scan or a check: no field of the form.
            await queries.change(context, call.principal, pk, values, facts, image.tag)
    except (Invalid, Conflict) as error:
        values = {name: everything.get(name) for name in changed if name in ImageCreate.model_fields}
        wrong = await with_all_mistakes(context, form, error, {**values, "facts": facts}, pk)
        image = await queries.load_editable(context, pk)
        return await _shown(context, call, image, wrong, before, form.text("tag"), password, 422)
    words = ", ".join(label for name, label in LABELS.items() if name in changed and (name != PASSWORD or password))
    return see_other(call.request, f"/images/{pk}", f"Changed {words} of {name}.")


async def _merged(
    context: Context, call: Call, image: EditableImage, texts: Mapping[str, str], before: Mapping[str, str]
) -> Response:
    """The form with what somebody else changed meanwhile, but where this person typed something else."""
    after = shown_texts(image.fields)
    theirs = [name for name in after if after[name] != before.get(name)]
    own = [name for name in theirs if texts[name] not in (before.get(name), after[name])]
    author = await _author(context, call.pk, call.form.text("tag"))
    labels = ", ".join(LABELS[name] for name in theirs)
    mistakes = {
        "": [f"{author}, after you opened this page: {labels}. Check the fields, then save again."],
        **{
            name: [f"This is {after[name] or 'empty'!r} now: save again to put what you typed in its place."]
            for name in own
        },
    }
    merged = {name: texts[name] if name in own or name not in theirs else after[name] for name in texts}
    form = merged_form(call.form, merged, mistakes)
    return await _shown(context, call, image, form, after, image.tag, sent_password(context, call), 412)


async def _author(context: Context, pk: int, tag: str) -> str:
    """Who changed an image after its revision of that tag, and when."""
    changes, _ = await history.entries(context.db, history.HistoryFilter("docker", pk), limit=1)
    if not changes or not tag.isdigit():
        return "Somebody changed this image"
    return f"{changes[0]['user'] or 'The server'} changed this image {ago(changes[0]['time'])}"


def _texts_before(form: Form) -> Mapping[str, str]:
    """The texts with which the form was shown."""
    try:
        before = orjson.loads(form.exact("before"))
    except orjson.JSONDecodeError:
        raise Malformed("The form's field 'before' is not as it was sent: open the page again.") from None
    return {str(name): str(text) for name, text in before.items()} if isinstance(before, dict) else {}


async def _shown(
    context: Context,
    call: Call,
    image: EditableImage,
    form: Form,
    before: Mapping[str, str],
    tag: str,
    password: str = "",
    status: int = 200,
) -> Response:
    name = f"{image.fields['name']} {image.fields['version']}"
    return await rendered(
        context,
        call,
        "image_edit.html",
        f"Edit {name} · Images",
        status,
        form=form,
        pk=call.pk,
        name=name,
        tag=tag,
        before=orjson.dumps(before).decode(),
        has_password=image.has_password,
        sealed_password=sealed(context, call, password),
        **await form_options(context, call.version, form),
    )


async def lifecycle_form(context: Context, call: Call) -> Response:
    """Shows whether an image is deprecated, and the form that changes it."""
    lifecycle = await lifecycles.load(context, call.pk)
    successor = lifecycle.content["successor"]
    texts = {name: str(lifecycle.content[name] or "") for name in _LIFECYCLE}
    if successor:
        row = (await queries.load_shown(context, successor, call.version)).row
        texts["successor"] = f"{row.name}:{row.version}"
    return await _lifecycle_shown(context, call, filled(texts))


async def change_lifecycle(context: Context, call: Call) -> Response:
    """Deprecates an image, or takes that back."""
    form, pk = call.form, call.pk
    deprecated = form.text("deprecated") != "false"
    values: dict[str, Any] = {"deprecated": deprecated}
    if deprecated:
        values |= {name: form.text(name) or None for name in _LIFECYCLE}
        if form.text("successor").isdecimal():
            values["successor"] = int(form.text("successor"))
    try:
        body = parse_body(values, LifecyclePatch)
        changes = body.model_dump(exclude_unset=True)
        await lifecycles.change(context, call.principal, pk, changes, if_match=f'"{form.text("tag")}"')
    except PreconditionFailed as error:
        author = await _author(context, pk, form.text("tag"))
        detail = f"{author}, after you opened this page. Check it, then save again."
        return await _lifecycle_shown(context, call, form.with_mistakes(Invalid(detail, code=error.code)), 412)
    except (Invalid, Conflict) as error:
        problems = [*error.problems, *await _problems_of_successor(context, values, error)]
        wrong = form.with_mistakes(Invalid(error.public_detail, problems=problems))
        return await _lifecycle_shown(context, call, wrong, 422)
    image = (await queries.load_editable(context, pk)).fields
    name = f"{image['name']}:{image['version']}"
    return see_other(
        call.request, f"/images/{pk}", f"{name} is deprecated." if deprecated else f"{name} is no longer deprecated."
    )


async def _problems_of_successor(context: Context, values: Mapping[str, Any], error: BayplanError) -> Sequence[Problem]:
    """What the change would say of the successor next, where it has refused another field."""
    successor = values.get("successor")
    if successor is None or any(problem.field == "successor" for problem in error.problems):
        return ()
    try:
        await lifecycles.require_successor(context, successor)
    except Invalid as wrong:
        return wrong.problems
    return ()


async def _lifecycle_shown(context: Context, call: Call, form: Form, status: int = 200) -> Response:
    lifecycle = await lifecycles.load(context, call.pk)  # before the image: a tag is not newer than what is shown
    image = (await queries.load_editable(context, call.pk)).fields
    name = f"{image['name']} {image['version']}"
    return await rendered(
        context,
        call,
        "image_lifecycle.html",
        f"Lifecycle of {name} · Images",
        status,
        form=form,
        pk=call.pk,
        name=name,
        tag=lifecycle.tag,
        lifecycle=lifecycle.content,
    )


PAGES = (
    PageRoute("GET", "/images/{pk}/edit", unless_deleted(edit_form), STAFF),
    PageRoute("POST", "/images/{pk}/edit", unless_deleted(edit), STAFF),
    PageRoute("GET", "/images/{pk}/lifecycle", unless_deleted(lifecycle_form), STAFF),
    PageRoute("POST", "/images/{pk}/lifecycle", unless_deleted(change_lifecycle), STAFF),
)
