"""Deleting an image and bringing it back; checking and inspecting it now."""

from starlette.responses import Response

from bayplan.errors import BayplanError, Conflict, Invalid, PreconditionFailed
from bayplan.server.auth.access import STAFF
from bayplan.server.checks import queries as checks
from bayplan.server.context import Context
from bayplan.server.http.parameters import NoParameters
from bayplan.server.images import queries
from bayplan.server.inspections import queries as inspections
from bayplan.web.image_edit import unless_deleted
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.question import RemovalQuestion, ask
from bayplan.web.rendering import see_other

Call = PageCall[NoParameters]


async def delete_question(context: Context, call: Call) -> Response:
    """Asks whether to delete an image, and names what uses it."""
    return await _asked(context, call, None)


async def delete(context: Context, call: Call) -> Response:
    """Deletes an image, and goes on to its page, which offers to undo it."""
    try:
        await queries.delete(context, call.principal, call.pk, call.form.text("tag"))
    except PreconditionFailed:
        return await _asked(
            context, call, Invalid("The image was changed after you opened this page. Look at it, then delete it.")
        )
    fields = (await queries.load_shown(context, call.pk, call.version)).fields
    return _back(call, f"Deleted {fields['name']} {fields['version']}.")


async def reinstate(context: Context, call: Call) -> Response:
    """Brings a deleted image back."""
    try:
        await queries.bring_back(context, call.principal, call.pk)
    except Conflict as error:
        return _back(call, error)
    fields = (await queries.load_shown(context, call.pk, call.version)).fields
    return _back(call, f"{fields['name']} {fields['version']} is back.")


async def check(context: Context, call: Call) -> Response:
    """Asks the registry which digest the image has now."""
    await context.checks.check_now(call.pk)
    found = await checks.load(context.db, call.pk, sees_credentials=call.principal.sees_credentials)
    sentence = f"Checked: {found['state']}." + (f" {found['detail']}" if found["detail"] else "")
    return see_other(call.request, f"/images/{call.pk}", sentence, is_failure=found["state"] != "ok")


async def inspect(context: Context, call: Call) -> Response:
    """Reads the image in its registry, and stores the facts."""
    try:
        await inspections.inspect_and_store(context, call.principal, call.pk, if_match=None)
    except (Conflict, Invalid, inspections.RegistryError) as error:
        if error.code == "deleted":
            raise
        return _back(call, error)
    return _back(call, "Inspected: its facts are stored.")


def _back(call: Call, outcome: str | BayplanError) -> Response:
    path = f"/images/{call.pk}"
    if isinstance(outcome, str):
        return see_other(call.request, path, outcome)
    return see_other(call.request, path, outcome.public_detail, is_failure=True)


async def _asked(context: Context, call: Call, error: Invalid | None) -> Response:
    image = await queries.load_editable(context, call.pk)
    name = f"{image.fields['name']}:{image.fields['version']}"
    uses = await queries.uses_of(context, call.principal, call.version, dict(image.fields))
    path = f"/images/{call.pk}"
    question = RemovalQuestion(
        "Delete",
        f"Delete {name}?",
        f"{uses} It can be brought back.",
        "Delete it",
        path,
        [("Images", "/images"), (f"{image.fields['name']} {image.fields['version']}", path)],
        {"tag": image.tag},
    )
    if error is None:
        return await ask(context, call, question)
    return await ask(context, call, question, call.form.with_mistakes(error), 412)


PAGES = (
    PageRoute("GET", "/images/{pk}/delete", unless_deleted(delete_question), STAFF),
    PageRoute("POST", "/images/{pk}/delete", unless_deleted(delete), STAFF),
    PageRoute("POST", "/images/{pk}/reinstate", reinstate, STAFF),
    PageRoute("POST", "/images/{pk}/check", unless_deleted(check), STAFF, most_at_once=None),
    PageRoute("POST", "/images/{pk}/inspect", unless_deleted(inspect), STAFF, most_at_once=None),
)
