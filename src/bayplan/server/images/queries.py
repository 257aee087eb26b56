"""The actions on images, and their facts: for the routes of images, and for other features."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bayplan.db import crud, deletion
from bayplan.db.principal import EVERYBODY, Principal
from bayplan.db.projection import expandable, projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import NotFound
from bayplan.server.context import Context
from bayplan.server.crud.queries import Sender, Written, expanded_tag
from bayplan.server.http.responses import fingerprint
from bayplan.server.images import fact_sources
from bayplan.server.images.drafts import (
    CatalogueNames,
    EditableImage,
    add,
    bring_back,
    catalogue_names,
    change,
    delete,
    load_editable,
    problems_of,
    uses_of,
)
from bayplan.server.images.store import revision
from bayplan.server.images.table import FACETS, ORDERS, ImageRow, ImageTable

__all__ = [
    "FACETS",
    "CatalogueNames",
    "EditableImage",
    "ImageRow",
    "add",
    "bring_back",
    "catalogue_names",
    "change",
    "change_facts",
    "delete",
    "erase",
    "image_list",
    "load_editable",
    "load_facts",
    "load_shown",
    "problems_of",
    "reinstate",
    "revision",
    "states_by_registry",
    "uses_of",
]

IMAGES = RESOURCE_TYPES["docker"]
Object = dict[str, Any]

# What changes without the images, and is read for those that are shown, or for all where they are ordered by it.
_CHECKED, _NODES = "checked", "nodes"
ORDER_NAMES = ("name", *ORDERS, _CHECKED, _NODES)


@dataclass(frozen=True, slots=True)
class ImageListQuery:
    """Which images: words that each has, a value of each facet named, and the order, downwards where `-` is before it."""

    words: Sequence[str] = ()
    facets: Mapping[str, str] | None = None
    order: str = "name"
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of the list: when it was last checked, and on how many nodes it runs."""

    row: ImageRow
    checked: str | None
    nodes: int


@dataclass(frozen=True, slots=True)
class ListedImages:
    """A page of the list, and for each facet its values with the number of images that choosing them gives."""

    images: Sequence[ListedImage]
    total: int
    counts: Mapping[str, Mapping[str, int]]
    catalogue: int
    """The number of images that are not deleted."""
    nodes: int
    """The number of nodes."""


async def image_list(context: Context, query: ImageListQuery, version: int) -> ListedImages:
    """Gives a page of the images that a query chooses, as of `version` or later."""
    table = await context.image_tables.at(version)
    found, counts = await asyncio.to_thread(_chosen, table, query)
    name, keys = query.order.removeprefix("-"), None
    if name in (_CHECKED, _NODES):
        every = [row.pk for row in table.ordered(found, "name")]
        keys = await (context.image_tables.checked(every) if name == _CHECKED else _running(context, every, version))
    ordered = await asyncio.to_thread(table.ordered, found, query.order, keys)
    rows = ordered[query.offset : query.offset + query.limit]
    pks = [row.pk for row in rows]
    checked, nodes = await context.image_tables.checked(pks), await _running(context, pks, version)
    fleet = await context.kinds.at(version)
    images = [ListedImage(row, checked.get(row.pk), nodes[row.pk]) for row in rows]
    return ListedImages(images, len(ordered), counts, table.live.bit_count(), fleet.nodes)


async def _running(context: Context, pks: Sequence[int], version: int) -> dict[int, int]:
    return await context.kinds.running_nodes(pks, version)


def _chosen(table: ImageTable, query: ImageListQuery) -> tuple[int, dict[str, dict[str, int]]]:
    """The images that are chosen, and of each facet the numbers that its values give with what else is chosen."""
    facets = {name: table.having(name, value) for name, value in (query.facets or {}).items()}
    searched = table.containing(query.words, table.every) if query.words else table.every
    counts = {}
    for name in FACETS:
        within = searched
        for other, rows in facets.items():
            within &= table.every if other == name else rows
        counts[name] = table.counts(name, within if name == "state" or "state" in facets else within & table.live)
    for rows in facets.values():
        searched &= rows
    return searched if "state" in facets else searched & table.live, counts


async def states_by_registry(context: Context, version: int) -> dict[str, dict[str, int]]:
    """Gives by registry the number of its images in each check state, without the deleted ones, as of `version` or later."""
    table = await context.image_tables.at(version)
    return await asyncio.to_thread(table.states_by_registry)


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


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image for people: its fields with what they refer to, but without its credentials, and its row of the list."""

    fields: Object
    row: ImageRow
    has_credentials: bool


async def load_shown(context: Context, pk: int, version: int) -> ShownImage:
    """Gives an image as of `version` or later; raises `NotFound`."""
    table, snapshot = await context.image_tables.at(version), await context.images.at(version)
    row, rendered = table.get(pk), snapshot.get(pk)
    references = tuple(field.name for field in expandable(IMAGES))
    fields, _ = await crud.load(context.db, projection(IMAGES.name, EVERYBODY, references), pk, context.disclosure())
    if row is None or rendered is None:
        raise NotFound(f"No docker image with pk {pk}.")
    return ShownImage(fields, row, rendered.has_credentials)


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
