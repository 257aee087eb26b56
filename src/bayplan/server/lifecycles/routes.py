"""The routes of the lifecycle of an image."""

from starlette.responses import Response

from bayplan.schemas.lifecycle import LifecycleAnswer, LifecyclePatch
from bayplan.server.auth.access import CATALOGUE_STAFF, USERS
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_MATCH, TAGGED
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.lifecycles import queries

_TAGS = ("docker images",)


async def load_lifecycle(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with an image's lifecycle."""
    lifecycle = await queries.load(context, call.pk)
    return tagged(call.request, lifecycle.content, lifecycle.tag)


async def patch_lifecycle(context: Context, call: Call[NoParameters, LifecyclePatch]) -> Response:
    """Answers with an image's lifecycle after a change by staff."""
    values = call.body.model_dump(exclude_unset=True)
    await queries.change(context, call.principal, call.pk, values, if_match=call.if_match)
    lifecycle = await queries.load(context, call.pk)
    return tagged(call.request, lifecycle.content, lifecycle.tag)


ROUTES = (
    Route(
        "GET",
        "/v1/docker/{pk}/lifecycle",
        load_lifecycle,
        USERS,
        "Whether an image is deprecated",
        "Gives since when and why an image is deprecated, and the image to use instead.",
        "load_lifecycle",
        _TAGS,
        answer=LifecycleAnswer,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "PATCH",
        "/v1/docker/{pk}/lifecycle",
        patch_lifecycle,
        CATALOGUE_STAFF,
        "Deprecate an image",
        "Marks an image as deprecated, with its successor, or takes that back. It runs as before: matches have it after all "
        "others, with a caveat. Staff only.",
        "patch_lifecycle",
        _TAGS,
        body=LifecyclePatch,
        example={"deprecated": True, "why": "CUDA 11 leaves the fleet"},
        answer=LifecycleAnswer,
        errors=(404, 409, 412),
        if_match=IF_MATCH,
        headers=TAGGED,
    ),
)
