"""The six actions of a resource: a principal's reads and writes of objects."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bayplan.db import crud
from bayplan.db.crud import Listing, Page
from bayplan.db.cursor import Cursor
from bayplan.db.database import Transaction
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import Kind, ResourceType
from bayplan.domain.labels import merged
from bayplan.errors import Forbidden, Invalid
from bayplan.schemas.filters import EVERYTHING, Filter
from bayplan.server.context import Context
from bayplan.server.crud.resource import Resource, Values
from bayplan.server.http.parameters import ListParameters
from bayplan.server.http.parsing import parse
from bayplan.server.image_lists import IMAGES, ImageList, ImagePage, image_list

Object = dict[str, Any]

# Longer filters are not cached, so that the cache is bounded.
_KEPT_BODY_BYTES = 2_048
_LISTINGS_KEPT = 2_048


@dataclass(frozen=True, slots=True)
class Written:
    """An object after a write, and its entity tag."""

    content: Object
    tag: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The principal that writes, and its network address: for the audit log."""

    principal: Principal
    address: str | None


def expanded_tag(tag: str, expand: tuple[str, ...], version: int) -> str:
    """Gives the tag of an object with references nested, which may change without the object's own revision."""
    return f"{tag}-{version}-{'.'.join(expand)}" if expand else tag


def visible_as(resource: Resource, principal: Principal) -> Principal:
    """Gives the principal by whom lists of the resource are cached: the kind of the principal where all of the kind see the same list."""
    return principal.kind if resource.readable(principal) is None else principal


async def listing(resource: Resource, principal: Principal, body: bytes, query: ListParameters) -> Listing | ImageList:
    """Gives the list that a filter in JSON names, to be read any number of times; raises `Malformed` or `Invalid`."""
    nulls = None if query.after is None else query.after.nulls
    arguments = (resource, visible_as(resource, principal), body, query.expand, query.limit, query.offset, nulls)
    if len(body) <= _KEPT_BODY_BYTES:
        return _listing(*arguments)
    return await asyncio.to_thread(_listing.__wrapped__, *arguments)


# Workers send the same filter again and again: it is parsed and compiled once.
@lru_cache(maxsize=_LISTINGS_KEPT)
def _listing(
    resource: Resource,
    principal: Principal,
    body: bytes,
    expand: tuple[str, ...],
    limit: int | None,
    offset: int,
    after_nulls: tuple[bool, ...] | None,
) -> Listing | ImageList:
    specification = parse(body, Filter) if body else EVERYTHING
    if resource.resource_type is IMAGES and not expand:
        ready = image_list(specification, limit=limit, offset=offset)
        if ready is not None:
            return ready
    chosen = projection(resource.name, principal, expand)
    only = resource.readable(principal)
    return crud.listing(
        chosen, principal, specification, limit=limit, offset=offset, after_nulls=after_nulls, only=only
    )


async def page(
    context: Context,
    principal: Principal,
    chosen: Listing | ImageList,
    version: int,
    disclosure: Disclosure,
    after: Cursor | None,
) -> Page | ImagePage:
    """Gives the objects of a list as JSON, as of `version` or later; raises `Invalid` for the cursor of another list."""
    if isinstance(chosen, ImageList):
        return await context.image_lists.page(chosen, principal, version, disclosure, after)
    return await crud.page(context.db, chosen, disclosure, after)


async def load(
    context: Context,
    principal: Principal,
    resource: Resource,
    pk: int,
    expand: tuple[str, ...],
    version: int,
    disclosure: Disclosure,
) -> tuple[Object | bytes, str]:
    """Gives an object, perhaps as JSON already, and its entity tag.

    Raises `NotFound`, or `Forbidden` where the principal may not read it.
    """
    if pk != principal.user and resource.readable(principal) is not None:
        raise Forbidden(f"Only staff may read other {resource.plural}: ask staff, or log in as staff.")
    if resource.resource_type is IMAGES and not expand:
        ready = await context.images.load(principal, pk, version)
        if ready is not None:
            return ready
    return await crud.load(context.db, projection(resource.name, principal, expand), pk, disclosure)


async def create(
    context: Context, sender: Sender, resource: Resource, values: Values, expand: tuple[str, ...]
) -> Written:
    """Adds an object; raises `Invalid` or `Conflict`."""
    principal, disclosure = sender.principal, context.disclosure()
    facts = values.pop("facts", {})
    prepared = {**await resource.prepare(values), **resource.born(principal)}

    async def work(tx: Transaction) -> Written:
        pk = await crud.insert(tx, resource.resource_type, prepared, context.keyring, facts=facts)
        created, tag = await crud.load_in(tx, projection(resource.name, principal, expand), pk, disclosure)
        await context.audit.disclosed_in(tx, principal, sender.address, "create", disclosure)
        return Written(created, expanded_tag(tag, expand, tx.version))

    return await context.db.write_grouped(work, by=principal)


async def change(
    context: Context,
    sender: Sender,
    resource: Resource,
    pk: int,
    values: Values,
    expand: tuple[str, ...],
    *,
    action: str,
    if_match: str | None,
) -> Written:
    """Gives an object's fields these values; raises `NotFound`, `Invalid`, `Conflict`, `PreconditionFailed` or `Forbidden`."""
    principal, disclosure = sender.principal, context.disclosure()
    facts = values.pop("facts", None) or {}
    prepared = await resource.prepare(values)

    async def work(tx: Transaction) -> Written:
        new = prepared
        if action == "change":
            new = await _with_labels(tx, resource.resource_type, pk, new)
        if principal.worker is not None:
            new = await _with_fixed(tx, resource, pk, new)
        await crud.change(tx, resource.resource_type, pk, new, context.keyring, facts=facts, if_match=if_match)
        changed, tag = await crud.load_in(tx, projection(resource.name, principal, expand), pk, disclosure)
        await context.audit.disclosed_in(tx, principal, sender.address, action, disclosure)
        return Written(changed, expanded_tag(tag, expand, tx.version))

    return await context.db.write_grouped(work, by=principal)


async def _with_labels(tx: Transaction, resource_type: ResourceType, pk: int, values: Values) -> Values:
    """The values of a PATCH, whose labels are set and removed one by one, with the labels that the object has afterwards."""
    fields = (field for field in resource_type.fields if field.kind is Kind.LABELS)
    names = [field.name for field in fields if values.get(field.name) is not None]
    if not names:
        return values
    old = await crud.current_row(tx, resource_type, pk)
    try:
        return {**values, **{name: merged(old[name] or {}, values[name]) or None for name in names}}
    except Invalid as error:
        raise Invalid.at(names[0], error.code, f"'{names[0]}' {error.detail}.") from None


async def _with_fixed(tx: Transaction, resource: Resource, pk: int, values: Values) -> Values:
    """The values that a worker writes, with the fields that are fixed for it as they are; it may leave them out.

    Raises `Forbidden` where it changes one.
    """
    resource_type: ResourceType = resource.resource_type
    old = await crud.current_row(tx, resource_type, pk)
    for name in resource.fixed_for_workers:
        if values.get(name) is not None and values[name] != old[name]:
            raise Forbidden(
                f"A worker cannot change '{name}' of a {resource_type.singular}. Staff can, or the worker joins again."
            )
    return {**values, **{name: old[name] for name in resource.fixed_for_workers}}


async def delete(context: Context, principal: Principal, resource: Resource, pk: int, *, if_match: str | None) -> None:
    """Removes an object; raises `NotFound`, `Conflict` or `PreconditionFailed`."""

    async def work(tx: Transaction) -> None:
        await resource.remove(tx, resource.resource_type, pk, if_match, context.keyring)

    await context.db.write_grouped(work, by=principal)
