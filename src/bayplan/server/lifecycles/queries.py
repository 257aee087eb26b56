"""The lifecycle of an image, as an object."""

from typing import Any

from bayplan.db import lifecycles
from bayplan.db.principal import Principal
from bayplan.server.context import Context
from bayplan.server.crud.queries import Written


async def load(context: Context, pk: int) -> Written:
    """Gives the lifecycle of an image, and its tag; raises `NotFound`."""
    lifecycle, revision = await lifecycles.load(context.db, pk)
    return Written(lifecycle.values(), str(revision))


async def change(
    context: Context, principal: Principal, pk: int, values: dict[str, Any], *, if_match: str | None
) -> None:
    """Changes the lifecycle of an image; raises `NotFound`, `Invalid`, `Conflict` or `PreconditionFailed`."""
    async with context.db.write(by=principal) as tx:
        await lifecycles.change(tx, pk, values, if_match=if_match)
