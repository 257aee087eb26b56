"""The routes of single resources: a licence's sub-descriptors, the generation of a GPU."""

from starlette.responses import Response

from bayplan.schemas.hardware import HardwareAnswer
from bayplan.schemas.licences import LicenceAnswer, SubDescriptors
from bayplan.server.auth.access import CATALOGUE_STAFF, USERS
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_MATCH, TAGGED
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.reference_data import queries


async def subdescriptors(context: Context, call: Call[NoParameters, SubDescriptors]) -> Response:
    """Answers with the licence as it is then."""
    licence = await queries.change_subdescriptors(context, call.principal, call.pk, call.body, if_match=call.if_match)
    return tagged(call.request, licence.content, licence.tag)


async def generation(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the generation of a compute capability."""
    hardware = await queries.generation_of(context, call.principal, call.request.path_params["capability"])
    return tagged(call.request, hardware.content, hardware.tag)


ROUTES = (
    Route(
        "PATCH",
        "/v1/licences/{pk}/subdescriptors",
        subdescriptors,
        CATALOGUE_STAFF,
        "Add or remove sub-descriptors of a licence",
        "Adds names to one of a licence's lists, or removes them; staff only.",
        "subdescriptors",
        ("licences",),
        body=SubDescriptors,
        example={"method": "add", "type": "permissions", "names": ["patent-use"]},
        answer=LicenceAnswer,
        errors=(404, 412),
        if_match=IF_MATCH,
        headers=TAGGED,
    ),
    Route(
        "GET",
        "/v1/hardware/get-hardware-generation/{capability}",
        generation,
        USERS,
        "Find the generation of a compute capability",
        operation_id="get_hardware_generation",
        tags=("hardware generations",),
        path_schema={"schema": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})?$"}, "example": "8.6"},
        answer=HardwareAnswer,
        errors=(404,),
        conditional=True,
    ),
)
