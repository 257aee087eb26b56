"""The actions of single resources: changing a licence's sub-descriptors, the generation of a GPU."""

from typing import Any

from bayplan.db import crud, tables
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.domain.versions import ComputeCapability
from bayplan.errors import Invalid, NotFound
from bayplan.schemas.licences import SubDescriptors
from bayplan.server.context import Context
from bayplan.server.crud.queries import Written

LICENCES = RESOURCE_TYPES["licences"]


async def change_subdescriptors(
    context: Context, principal: Principal, pk: int, request: SubDescriptors, *, if_match: str | None
) -> Written:
    """Adds names to one of a licence's lists, or removes them, whatever their case; raises `NotFound` or `PreconditionFailed`."""
    async with context.db.write(by=principal) as tx:
        row = await crud.current_row(tx, LICENCES, pk, if_match)
        names = {name.casefold(): name for name in request.names}
        existing = {name.casefold() for name in row[request.type]}
        if request.method == "remove":
            values = [name for name in row[request.type] if name.casefold() not in names]
        else:
            values = [*row[request.type], *(name for folded, name in names.items() if folded not in existing)]
        await crud.change(tx, LICENCES, pk, {request.type: values}, context.keyring)
        licence, tag = await crud.load_in(tx, projection("licences", principal), pk, context.disclosure())
    return Written(licence, tag)


async def generation_of(context: Context, principal: Principal, text: str) -> Written:
    """Gives the hardware generation that has a compute capability; raises `Invalid`, or `NotFound` where there is none."""
    try:
        capability = float(str(ComputeCapability.parse(text)))
    except Invalid as error:
        raise Invalid.at("capability", "bad_format", error.detail) from None
    chosen = projection("hardware", principal)
    columns = tables.hardware.c
    statement = chosen.statement.where(
        columns.min_compute_capability <= capability, columns.max_compute_capability > capability
    )

    def generations(rows: Any) -> list[Written]:
        return [Written(chosen.objects([row], context.disclosure())[0], chosen.tag(row)) for row in rows]

    matching = await context.db.fetch(statement, generations)
    if not matching:
        raise NotFound(
            f"No hardware generation has the compute capability {text}: /v1/hardware/list lists all generations."
        )
    return matching[0]
