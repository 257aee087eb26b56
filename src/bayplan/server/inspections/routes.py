"""The routes of inspections."""

from typing import Any

from starlette.responses import Response

from bayplan.schemas.common import NoFields
from bayplan.schemas.inspection import InspectionAnswer, InspectionRequest
from bayplan.server.auth.access import CATALOGUE_STAFF, EVERYONE
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_MATCH, TAGGED
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import Json, tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.inspections import queries

_TAGS = ("docker images",)


async def inspect(context: Context, call: Call[NoParameters, InspectionRequest]) -> Response:
    """Answers with what the registry holds of any image."""
    return Json(await queries.inspect(context, call.principal, call.body))


async def load(context: Context, call: Call[Any, Any]) -> Response:
    """Answers with the stored inspection of an image."""
    return tagged(call.request, *await queries.load(context, call.pk))


async def store(context: Context, call: Call[NoParameters, NoFields]) -> Response:
    """Inspects an image, and answers with what is stored of it then."""
    await queries.inspect_and_store(context, call.principal, call.pk, if_match=call.if_match)
    return await load(context, call)


ROUTES = (
    Route(
        "POST",
        "/v1/docker/inspect",
        inspect,
        EVERYONE.within("match"),
        "Inspect an image in a registry",
        "Reads the manifest and the configuration of an image in its registry, and gives its facts. It stores nothing. "
        "Users who are not staff inspect without credentials, a limited number of times in an hour. docs/registries.md "
        "lists what is read.",
        "inspect",
        _TAGS,
        body=InspectionRequest,
        example={"url": "nvidia/cuda:12.4.1-base-ubuntu22.04"},
        answer=InspectionAnswer,
        errors=(404, 429, 502, 504),
        most_at_once=None,
    ),
    Route(
        "GET",
        "/v1/docker/{pk}/inspection",
        load,
        EVERYONE,  # who pulls an image must know its digest
        "Load the stored inspection of an image",
        "Gives the stored inspection of an image, and the fields of the catalogue that contradict it.",
        "load_inspection",
        _TAGS,
        answer=InspectionAnswer,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "POST",
        "/v1/docker/{pk}/inspection",
        store,
        CATALOGUE_STAFF,
        "Inspect an image and store the result",
        "Reads the image in its registry with its own credentials, and stores the result, also as facts with the origin "
        "`registry`. Fields, and facts that staff entered, stay as they are. Staff only.",
        "store_inspection",
        _TAGS,
        body=NoFields,
        body_required=False,
        answer=InspectionAnswer,
        errors=(404, 409, 412, 422, 502, 504),
        if_match=IF_MATCH,
        headers=TAGGED,
        most_at_once=None,
    ),
)
