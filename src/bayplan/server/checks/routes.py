"""The routes of check states: reading them, and checks on request."""

from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from bayplan.schemas.checks import CheckCounts, ChecksRequest, FailingImage, ImageChecks, RequestedChecks
from bayplan.schemas.common import NoFields
from bayplan.server.auth.access import CATALOGUE_STAFF, EVERYONE, USERS
from bayplan.server.checks import queries
from bayplan.server.context import Context
from bayplan.server.http.openapi import TAGGED
from bayplan.server.http.parameters import MOMENT, NoParameters, PageParameters, Parameters
from bayplan.server.http.responses import Json, fingerprinted, page_headers
from bayplan.server.http.route import Call, Route

_TAGS = ("docker images",)


class SinceParameters(Parameters):
    """The time from which checks are counted."""

    since: Annotated[str | None, MOMENT] = Field(
        None, description="Count as `checked` the images that were checked at this time or later."
    )


async def load(context: Context, call: Call[Any, Any]) -> Response:
    """Answers with an image's state and history."""
    checks = await queries.load(context.db, call.pk, sees_credentials=call.principal.sees_credentials)
    return fingerprinted(call.request, checks)


async def check(context: Context, call: Call[NoParameters, NoFields]) -> Response:
    """Checks an image now, and answers with its state and history."""
    await context.checks.check_now(call.pk)
    return await load(context, call)


async def request_checks(context: Context, call: Call[NoParameters, ChecksRequest]) -> Response:
    """Answers how many images are due now."""
    moment, images = await context.checks.request(not_ok_only=call.body.which == "not_ok")
    return Json({"asked": moment, "images": images}, 202)


async def count(context: Context, call: Call[SinceParameters, None]) -> Response:
    """Answers with the number of images in each state."""
    return Json(await queries.counts(context.db, call.query.since))


async def list_failing(context: Context, call: Call[PageParameters, NoFields]) -> Response:
    """Answers with the images that are not ok."""
    query, sees_credentials = call.query, call.principal.sees_credentials
    page = await queries.failing_images(
        context.db, query.limit, query.offset, query.after, sees_credentials=sees_credentials
    )
    headers = {} if page.total is None else page_headers(call.request, page.total, query, page.following)
    return fingerprinted(call.request, page.body, headers)


ROUTES = (
    Route(
        "GET",
        "/v1/docker/{pk}/checks",
        load,
        EVERYONE,
        "The check state of an image",
        "Gives the state after the last check, the time of its last change, and the history of states, newest first.",
        "load_checks",
        _TAGS,
        answer=ImageChecks,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "POST",
        "/v1/docker/{pk}/checks",
        check,
        CATALOGUE_STAFF,
        "Check an image in its registry now",
        "Asks the registry, with the image's own credentials, which digest its reference points to now. Only if the "
        "digest changed, the server reads the image. An error of the registry is a state of the check. Staff only.",
        "check",
        _TAGS,
        body=NoFields,
        body_required=False,
        answer=ImageChecks,
        errors=(404, 409),
        headers=TAGGED,
        most_at_once=None,
    ),
    Route(
        "POST",
        "/v1/docker/checks",
        request_checks,
        CATALOGUE_STAFF,
        "Queue checks of images",
        "Queues checks of all images, or of those that are not ok, and does not wait for them. Send the answer's `asked` "
        "as `since` to `GET /v1/docker/checks`. Staff only.",
        "ask_checks",
        _TAGS,
        body=ChecksRequest,
        example={"which": "not_ok"},
        answer=RequestedChecks,
        status=202,
    ),
    Route(
        "GET",
        "/v1/docker/checks",
        count,
        CATALOGUE_STAFF,
        "The number of images in each check state",
        operation_id="count_checks",
        tags=_TAGS,
        query=SinceParameters,
        answer=CheckCounts,
    ),
    Route(
        "POST",
        "/v1/docker/checks/list",
        list_failing,
        USERS,
        "List the images that are not ok",
        "Gives the images that were checked and are not ok, the longest in their state first.",
        "list_checks",
        _TAGS,
        query=PageParameters,
        body=NoFields,
        body_required=False,
        example={},
        answer=list[FailingImage],
        conditional=True,
    ),
)
