"""The few actions that only one of the small resources has: a licence's sub-descriptors, the generation of a GPU."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.db import crud, tables
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.versions import ComputeCapability
from bayplan.errors import Invalid, NotFound
from bayplan.schemas.hardware import HardwareAnswer
from bayplan.schemas.licences import LicenceAnswer, SubDescriptors
from bayplan.server.context import Context
from bayplan.server.http.openapi import action, reference
from bayplan.server.http.parsing import pk_of, query
from bayplan.server.http.responses import tagged

LICENCES, HARDWARE = RESOURCE_TYPES["licences"], RESOURCE_TYPES["hardware"]


def extras_router(context: Context) -> APIRouter:
    """Gives those routes."""
    router = APIRouter()

    async def subdescriptors(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        given = await context.read(request, principal, SubDescriptors)
        pk = pk_of(request)
        async with context.db.write(by=principal.name) as tx:
            row = await crud.current_row(tx, LICENCES, pk, request.headers.get("if-match"))
            names = {name.casefold(): name for name in given.names}
            kept = [name for name in row[given.type] if name.casefold() not in names]
            has = {name.casefold() for name in row[given.type]}
            added = [name for folded, name in names.items() if folded not in has]
            values: dict[str, list[str]] = {
                given.type: kept if given.method == "remove" else [*row[given.type], *added]
            }
            await crud.change(tx, LICENCES, pk, values, context.keyring)
            changed, tag = await crud.load_in(tx, principal.select("licences"), pk, context.disclosure())
        return tagged(request, changed, tag)

    async def generation(request: Request) -> Response:
        principal = await context.principal(request)
        query(request)
        text = request.path_params["capability"]
        try:
            capability = float(str(ComputeCapability.parse(text)))
        except Invalid as error:
            raise Invalid.at("capability", "bad_format", error.detail) from None
        chosen = principal.select("hardware")
        columns = tables.hardware.c
        rows = await context.db.fetch(
            chosen.statement.where(
                columns.min_compute_capability <= capability, columns.max_compute_capability > capability
            ),
            lambda rows: [(chosen.objects(rows, context.disclosure())[0], chosen.tag(row)) for row in rows],
        )
        if not rows:
            raise NotFound(
                f"No hardware generation has the compute capability {text}; /v1/hardware/list shows them all."
            )
        return tagged(request, *rows[0])

    router.add_api_route(
        "/v1/licences/{pk:pk}/subdescriptors",
        subdescriptors,
        methods=["PATCH"],
        tags=["licences"],
        **action(
            "Add or remove sub-descriptors of a licence",
            text="Adds names to one of a licence's lists, or removes them; staff only.",
            name="subdescriptors",
            body=SubDescriptors,
            example={"method": "add", "type": "permissions", "names": ["patent-use"]},
            answer=reference(LicenceAnswer),
            errors=[404, 412],
            parameters=[{"name": "pk", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}],
        ),
    )
    router.add_api_route(
        "/v1/hardware/get-hardware-generation/{capability}",
        generation,
        methods=["GET"],
        tags=["hardware generations"],
        **action(
            "Find the generation of a compute capability",
            name="get_hardware_generation",
            answer=reference(HardwareAnswer),
            errors=[404],
            parameters=[
                {
                    "name": "capability",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})?$"},
                    "example": "8.6",
                }
            ],
        ),
    )
    return router
