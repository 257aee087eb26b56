"""The six actions that every resource has, once, as plain closures."""

import asyncio
from functools import lru_cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.db import crud
from bayplan.db.database import Transaction
from bayplan.db.projection import expandable
from bayplan.db.resource_types import ALIASES, ResourceType, Viewer
from bayplan.errors import Forbidden, Invalid
from bayplan.schemas.common import Body
from bayplan.schemas.filters import EVERYTHING, Filter
from bayplan.server.auth.principal import Principal
from bayplan.server.context import Context
from bayplan.server.http import openapi
from bayplan.server.http.parsing import parse, pk_of, query, whole_number
from bayplan.server.http.resources import Resource, Values, WorkerAccess
from bayplan.server.http.responses import fingerprint, is_known, page_headers, tagged, unchanged

# Longer filters are not kept: what is kept has a bound.
_KEPT_BODY_BYTES = 2_048


def expansion(resource_type: ResourceType, given: dict[str, str]) -> tuple[str, ...]:
    """Gives the references that `?expand=` names, in their order on the wire; raises `Invalid` for any other name."""
    asked = [name.strip() for name in given.get("expand", "").split(",") if name.strip()]
    names = [ALIASES.get((resource_type.name, name), name) for name in asked]
    choices = [field.name for field in expandable(resource_type)]
    for name in names:
        if name not in choices:
            said = f"these can: {', '.join(choices)}" if choices else f"a {resource_type.singular} has no references"
            raise Invalid.at("expand", "unknown_field", f"'{name[:100]}' cannot be expanded; {said}.")
    return tuple(name for name in choices if name in names)


def expanded(tag: str, expand: tuple[str, ...], version: int) -> str:
    """Gives the tag of an object with references nested, which may change without the object's own revision."""
    return f"{tag}-{version}-{'.'.join(expand)}" if expand else tag


def crud_router(resource: Resource, context: Context) -> APIRouter:
    """Gives the routes of a resource: list, load, create, replace, change and delete."""
    resource_type = resource.resource_type
    router = APIRouter(prefix=f"/v1/{resource.name}", tags=[resource.plural])

    @lru_cache(maxsize=256)
    def listing(viewer: Viewer, body: bytes, expand: tuple[str, ...], limit: int | None, offset: int) -> crud.Listing:
        # Workers ask the same thing again and again: parsed and compiled once.
        principal = Principal(viewer, 0, user=viewer.user)
        specification = parse(body, Filter) if body else EVERYTHING
        chosen = principal.select(resource_type.name, expand)
        only = resource.readable(principal)
        return crud.listing(chosen, viewer, specification, limit=limit, offset=offset, only=only)

    async def asking(request: Request, action: str) -> Principal:
        reach = resource.workers_may.get(action)
        principal = await context.principal(request, workers=reach is not None)
        if reach is WorkerAccess.OWN:
            await context.require_own_node(principal, pk_of(request))
        return principal

    async def list_(request: Request) -> Response:
        principal = await asking(request, "list")
        given = query(request, "expand", "limit", "offset")
        limit = whole_number(given, "limit", least=1)
        offset = whole_number(given, "offset", least=0) or 0
        body = await context.body(request, principal)
        expand = expansion(resource_type, given)
        if len(body) <= _KEPT_BODY_BYTES:
            asked = listing(principal.viewer, body, expand, limit, offset)
        else:
            asked = await asyncio.to_thread(listing.__wrapped__, principal.viewer, body, expand, limit, offset)
        # The version was read before the rows: were they newer than their tag, they would only be sent once more.
        tag = f"{principal.version}-{fingerprint(body, request.scope['query_string'], repr(principal.viewer).encode())}"
        volatile = asked.chosen.is_volatile
        if not volatile and is_known(request, tag):
            return unchanged(tag)
        disclosure = context.disclosure()
        page = await crud.page(context.db, asked, disclosure)
        headers = {} if page.total is None else page_headers(request, given, page.total, limit, offset)
        answer = tagged(request, page.body, fingerprint(page.body) if volatile else tag, headers=headers)
        return await context.audit.sent(request, principal, "list", disclosure, answer)

    async def load(request: Request) -> Response:
        principal = await asking(request, "load")
        expand = expansion(resource_type, query(request, "expand"))
        pk = pk_of(request)
        if resource.readable(principal) is not None and pk != principal.user:
            raise Forbidden(f"Only staff may read other {resource.plural}.")
        disclosure = context.disclosure()
        found, tag = await crud.load(context.db, principal.select(resource_type.name, expand), pk, disclosure)
        answer = tagged(request, found, expanded(tag, expand, principal.version))
        return await context.audit.sent(request, principal, "load", disclosure, answer)

    async def create(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        expand = expansion(resource_type, query(request, "expand"))
        body = await context.read(request, principal, resource.create)
        values = {**await resource.prepare(body.model_dump()), **resource.born(principal)}
        disclosure = context.disclosure()
        async with context.db.write(by=principal.name) as tx:
            pk = await crud.insert(tx, resource_type, values, context.keyring)
            made, tag = await crud.load_in(tx, principal.select(resource_type.name, expand), pk, disclosure)
            await context.audit.sent_with(tx, request, principal, "create", disclosure)
        headers = {"Location": f"/v1/{resource.name}/{pk}"}
        return tagged(request, made, expanded(tag, expand, tx.version), 201, headers)

    async def write(request: Request, action: str, model: type[Body]) -> Response:
        principal = await asking(request, action)
        if principal.worker is None:
            principal.require_staff()
        expand = expansion(resource_type, query(request, "expand"))
        pk, if_match = pk_of(request), request.headers.get("if-match")
        body = await context.read(request, principal, model)
        values = await resource.prepare(body.model_dump(exclude_unset=model is resource.patch))
        disclosure = context.disclosure()
        async with context.db.write(by=principal.name) as tx:
            if principal.worker is not None:
                await keep_fixed(tx, pk, values)
            await crud.change(tx, resource_type, pk, values, context.keyring, if_match=if_match)
            changed, tag = await crud.load_in(tx, principal.select(resource_type.name, expand), pk, disclosure)
            await context.audit.sent_with(tx, request, principal, action, disclosure)
        return tagged(request, changed, expanded(tag, expand, tx.version))

    async def keep_fixed(tx: Transaction, pk: int, values: Values) -> None:
        old = await crud.current_row(tx, resource_type, pk)
        for name in resource.fixed_for_workers:
            if values.get(name, old[name]) != old[name]:
                raise Forbidden(
                    f"A worker cannot change '{name}' of a {resource_type.singular}: it joins anew, or staff do it."
                )

    async def replace(request: Request) -> Response:
        return await write(request, "replace", resource.replace)

    async def change(request: Request) -> Response:
        return await write(request, "change", resource.patch)

    async def delete(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        async with context.db.write(by=principal.name) as tx:
            await resource.remove(tx, resource_type, pk_of(request), request.headers.get("if-match"), context.keyring)
        return Response(status_code=204)

    for path, method, handler, words in (
        ("/list", "POST", list_, openapi.list_(resource)),
        ("/create", "POST", create, openapi.create(resource)),
        ("/{pk:pk}", "GET", load, openapi.load(resource)),
        ("/{pk:pk}", "PUT", replace, openapi.replace(resource)),
        ("/{pk:pk}", "PATCH", change, openapi.change(resource)),
        ("/{pk:pk}", "DELETE", delete, openapi.delete(resource)),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
