"""The six actions that every resource has, once, as plain closures."""

import asyncio
from functools import lru_cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.api import describe
from bayplan.api.answers import fingerprint, is_known, page_headers, tagged, unchanged
from bayplan.api.requests import parse, pk_of, query, whole_number
from bayplan.api.resources import Reach, Resource, Values
from bayplan.api.runtime import Caller, Runtime
from bayplan.db import store
from bayplan.db.engine import Transaction
from bayplan.db.selection import expandable
from bayplan.db.shapes import ALIASES, Shape, Viewer
from bayplan.errors import Forbidden, Invalid
from bayplan.schemas.common import Body
from bayplan.schemas.filters import EVERYTHING, Filter

# Longer filters are not kept: what is kept has a bound.
_KEPT_BODY_BYTES = 2_048


def expansion(shape: Shape, given: dict[str, str]) -> tuple[str, ...]:
    """Gives the references that `?expand=` names, in their order on the wire; raises `Invalid` for any other name."""
    asked = [name.strip() for name in given.get("expand", "").split(",") if name.strip()]
    names = [ALIASES.get((shape.name, name), name) for name in asked]
    choices = [field.name for field in expandable(shape)]
    for name in names:
        if name not in choices:
            said = f"these can: {', '.join(choices)}" if choices else f"a {shape.singular} has no references"
            raise Invalid.at("expand", "unknown_field", f"'{name[:100]}' cannot be expanded; {said}.")
    return tuple(name for name in choices if name in names)


def expanded(tag: str, expand: tuple[str, ...], version: int) -> str:
    """Gives the tag of an object with references nested, which may change without the object's own revision."""
    return f"{tag}-{version}-{'.'.join(expand)}" if expand else tag


def crud_router(resource: Resource, runtime: Runtime) -> APIRouter:
    """Gives the routes of a resource: list, load, create, replace, change and delete."""
    shape = resource.shape
    router = APIRouter(prefix=f"/v1/{resource.name}", tags=[resource.plural])

    @lru_cache(maxsize=256)
    def listing(viewer: Viewer, body: bytes, expand: tuple[str, ...], limit: int | None, offset: int) -> store.Listing:
        # Workers ask the same thing again and again: parsed and compiled once.
        caller = Caller(viewer, 0, user=viewer.user)
        specification = parse(body, Filter) if body else EVERYTHING
        chosen = caller.select(shape.name, expand)
        only = resource.readable(caller)
        return store.listing(chosen, viewer, specification, limit=limit, offset=offset, only=only)

    async def asking(request: Request, action: str) -> Caller:
        reach = resource.workers_may.get(action)
        caller = await runtime.caller(request, workers=reach is not None)
        if reach is Reach.OWN:
            await runtime.must_own(caller, pk_of(request))
        return caller

    async def list_(request: Request) -> Response:
        caller = await asking(request, "list")
        given = query(request, "expand", "limit", "offset")
        limit = whole_number(given, "limit", least=1)
        offset = whole_number(given, "offset", least=0) or 0
        body = await runtime.body(request, caller)
        expand = expansion(shape, given)
        if len(body) <= _KEPT_BODY_BYTES:
            asked = listing(caller.viewer, body, expand, limit, offset)
        else:
            asked = await asyncio.to_thread(listing.__wrapped__, caller.viewer, body, expand, limit, offset)
        # The version was read before the rows: were they newer than their tag, they would only be sent once more.
        tag = f"{caller.version}-{fingerprint(body, request.scope['query_string'], repr(caller.viewer).encode())}"
        restless = asked.chosen.is_restless
        if not restless and is_known(request, tag):
            return unchanged(tag)
        disclosure = runtime.disclosure()
        page = await store.page(runtime.db, asked, disclosure)
        headers = {} if page.total is None else page_headers(request, given, page.total, limit, offset)
        answer = tagged(request, page.body, fingerprint(page.body) if restless else tag, headers=headers)
        return await runtime.trail.sent(request, caller, "list", disclosure, answer)

    async def load(request: Request) -> Response:
        caller = await asking(request, "load")
        expand = expansion(shape, query(request, "expand"))
        pk = pk_of(request)
        if resource.readable(caller) is not None and pk != caller.user:
            raise Forbidden(f"Only staff may read other {resource.plural}.")
        disclosure = runtime.disclosure()
        found, tag = await store.load(runtime.db, caller.select(shape.name, expand), pk, disclosure)
        answer = tagged(request, found, expanded(tag, expand, caller.version))
        return await runtime.trail.sent(request, caller, "load", disclosure, answer)

    async def create(request: Request) -> Response:
        caller = await runtime.caller(request)
        caller.must_be_staff()
        expand = expansion(shape, query(request, "expand"))
        body = await runtime.read(request, caller, resource.create)
        values = {**await resource.prepare(body.model_dump()), **resource.born(caller)}
        disclosure = runtime.disclosure()
        async with runtime.db.write() as tx:
            pk = await store.insert(tx, shape, values, runtime.keyring)
            made, tag = await store.load_in(tx, caller.select(shape.name, expand), pk, disclosure)
            await runtime.trail.sent_with(tx, request, caller, "create", disclosure)
        headers = {"Location": f"/v1/{resource.name}/{pk}"}
        return tagged(request, made, expanded(tag, expand, tx.version), 201, headers)

    async def write(request: Request, action: str, model: type[Body]) -> Response:
        caller = await asking(request, action)
        if caller.worker is None:
            caller.must_be_staff()
        expand = expansion(shape, query(request, "expand"))
        pk, if_match = pk_of(request), request.headers.get("if-match")
        body = await runtime.read(request, caller, model)
        values = await resource.prepare(body.model_dump(exclude_unset=model is resource.patch))
        disclosure = runtime.disclosure()
        async with runtime.db.write() as tx:
            if caller.worker is not None:
                await keep_fixed(tx, pk, values)
            await store.change(tx, shape, pk, values, runtime.keyring, if_match=if_match)
            changed, tag = await store.load_in(tx, caller.select(shape.name, expand), pk, disclosure)
            await runtime.trail.sent_with(tx, request, caller, action, disclosure)
        return tagged(request, changed, expanded(tag, expand, tx.version))

    async def keep_fixed(tx: Transaction, pk: int, values: Values) -> None:
        old = await store.current(tx, shape, pk)
        for name in resource.fixed_for_workers:
            if values.get(name, old[name]) != old[name]:
                raise Forbidden(
                    f"A worker cannot change '{name}' of a {shape.singular}: it joins anew, or staff do it."
                )

    async def replace(request: Request) -> Response:
        return await write(request, "replace", resource.replace)

    async def change(request: Request) -> Response:
        return await write(request, "change", resource.patch)

    async def delete(request: Request) -> Response:
        caller = await runtime.caller(request)
        caller.must_be_staff()
        query(request)
        async with runtime.db.write() as tx:
            await resource.remove(tx, shape, pk_of(request), request.headers.get("if-match"), runtime.keyring)
        return Response(status_code=204)

    for path, method, handler, words in (
        ("/list", "POST", list_, describe.list_(resource)),
        ("/create", "POST", create, describe.create(resource)),
        ("/{pk:pk}", "GET", load, describe.load(resource)),
        ("/{pk:pk}", "PUT", replace, describe.replace(resource)),
        ("/{pk:pk}", "PATCH", change, describe.change(resource)),
        ("/{pk:pk}", "DELETE", delete, describe.delete(resource)),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
