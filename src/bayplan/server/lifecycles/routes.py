"""The routes of the lifecycle of an image, of the images that are out of date, and of what it would strand to retire some."""

import asyncio
from typing import Annotated

from pydantic import Field
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from bayplan.domain.outdated import OutdatedCode
from bayplan.schemas.lifecycle import LifecycleAnswer, LifecyclePatch
from bayplan.schemas.outdated import OutdatedImagesAnswer, RetirementAnswer, RetirementRequest
from bayplan.server.auth.access import CATALOGUE_STAFF, USERS
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_MATCH, NOT_KEPT, TAGGED
from bayplan.server.http.parameters import NoParameters, Parameters, ReadBy
from bayplan.server.http.responses import Json, fingerprinted, tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.lifecycles import queries
from bayplan.server.lifecycles.answers import outdated_answer, retirement_answer

_TAGS = ("docker images",)


def _codes(text: str) -> tuple[OutdatedCode, ...]:
    names = [name for part in text.split(",") if (name := part.strip().lower())]
    if not frozenset(names) <= frozenset(OutdatedCode):
        detail = f"must be some of these, with commas between: {', '.join(OutdatedCode)}"
        raise PydanticCustomError("wrong_type", "{detail}", {"detail": detail})
    return tuple(map(OutdatedCode, names))


class OutdatedParameters(Parameters):
    """Which of the images that are out of date."""

    reason: Annotated[tuple[OutdatedCode, ...], ReadBy(_codes, {"type": "string"})] = Field(
        (),
        description=f"Only images with one of these reasons, with commas between: {', '.join(OutdatedCode)}.",
    )


async def outdated(context: Context, call: Call[OutdatedParameters, None]) -> Response:
    """Answers with the images that are out of date."""
    listed = await queries.outdated(context, call.version, call.query.reason)
    return fingerprinted(call.request, await asyncio.to_thread(outdated_answer, listed))


async def retirement(context: Context, call: Call[NoParameters, RetirementRequest]) -> Response:
    """Answers with what it would strand to delete images."""
    return Json(retirement_answer(await queries.retirement(context, call.body.images, call.version)))


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
        "Marks an image as deprecated, with its successor, or removes the mark. It runs as before: matches list it after all "
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
    Route(
        "GET",
        "/v1/docker/outdated",
        outdated,
        USERS,
        "The images that are out of date",
        "Gives the images that are past or near their end of life, deprecated, superseded by a newer version of the same name, "
        "runnable on no node, or in no worker's image inventory: each with its reasons and the image to use in its place.",
        "outdated_images",
        _TAGS,
        query=OutdatedParameters,
        answer=OutdatedImagesAnswer,
        conditional=True,
        most_at_once=4,
    ),
    Route(
        "POST",
        "/v1/docker/retirement",
        retirement,
        USERS.within("match"),
        "What it would strand to retire images",
        "Gives what would be stranded if these images were deleted: nodes that lose their last image for a task, prefetch rules "
        "and image inventories that use them, and deprecated images whose successor they are. Nothing is changed.",
        "retirement",
        _TAGS,
        body=RetirementRequest,
        example={"images": [1]},
        answer=RetirementAnswer,
        headers=NOT_KEPT,
        most_at_once=2,
    ),
)
