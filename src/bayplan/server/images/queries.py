"""The actions on images, and their facts: for the routes of images, and for other features."""

from collections.abc import Mapping
from typing import Any

import orjson

from bayplan.db import crud, deletion
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import NotFound
from bayplan.server.context import Context
from bayplan.server.crud.queries import Sender, Written, expanded_tag
from bayplan.server.http.responses import fingerprint
from bayplan.server.images import fact_sources
from bayplan.server.images.store import revision

__all__ = ["change_facts", "erase", "load_facts", "reinstate", "revision"]

IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]


async def reinstate(
    context: Context, sender: Sender, pk: int, expand: tuple[str, ...], *, if_match: str | None
) -> Written:
    """Brings a deleted image back; raises `NotFound`, `Conflict` or `PreconditionFailed`."""
    principal, disclosure = sender.principal, context.disclosure()
    async with context.db.write(by=principal) as tx:
        await deletion.reinstate(tx, pk, if_match=if_match)
        image, tag = await crud.load_in(tx, projection(IMAGES.name, principal, expand), pk, disclosure)
        await context.audit.disclosed_in(tx, principal, sender.address, "reinstate", disclosure)
    return Written(image, expanded_tag(tag, expand, tx.version))


async def erase(context: Context, sender: Sender, pk: int, expand: tuple[str, ...], *, if_match: str | None) -> Object:
    """Removes an image for good, with its facts and states, and gives it for the last time; raises `NotFound`."""
    principal, disclosure = sender.principal, context.disclosure()
    async with context.db.write(by=principal) as tx:
        image, _ = await crud.load_in(tx, projection(IMAGES.name, principal, expand), pk, disclosure)
        await context.audit.disclosed_in(tx, principal, sender.address, "hard", disclosure)
        await deletion.erase(tx, pk, if_match=if_match)
    return image


async def change_facts(
    context: Context, principal: Principal, pk: int, values: Mapping[str, Any], *, if_match: str | None
) -> None:
    """Stores staff's facts about an image; raises `NotFound`, `Invalid`, `Conflict` or `PreconditionFailed`."""
    async with context.db.write(by=principal) as tx:
        await crud.change(tx, IMAGES, pk, {}, context.keyring, facts=values, if_match=if_match)


async def load_facts(context: Context, pk: int) -> Written:
    """Gives every fact of an image that the rules use, with its sources, and the tag; raises `NotFound`."""
    # Read before the facts: were they newer than their tag, they would only be sent once more.
    of_image = await revision(context.db, pk)
    snapshot = await context.judge.snapshot()
    image = snapshot.images.get(pk)
    if image is None:
        raise NotFound(f"No docker image with pk {pk}.")
    entries = fact_sources.entries(await fact_sources.stored_facts(context.db, pk), image, snapshot.tables)
    # Facts from tables depend on the image's references, which change without the image's revision.
    return Written(entries, f"{of_image}-{fingerprint(orjson.dumps(entries))}")
