"""The routes of a resource: list, load, create, replace, change and delete."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from bayplan.db.projection import projection
from bayplan.db.resource_types import Visibility
from bayplan.schemas.common import Body
from bayplan.schemas.filters import Filter
from bayplan.server.auth.access import CATALOGUE_STAFF, USERS, Access
from bayplan.server.context import Context
from bayplan.server.crud import queries
from bayplan.server.crud.resource import Resource
from bayplan.server.disclosing import disclosing, reader
from bayplan.server.http.openapi import IF_MATCH, TAGGED
from bayplan.server.http.parameters import (
    ExpandParameters,
    ImageListParameters,
    ImageLoadParameters,
    ListParameters,
    NoParameters,
    expanding,
)
from bayplan.server.http.responses import fingerprint, is_known, page_headers, tagged, unchanged
from bayplan.server.http.route import BodyAs, Call, Handler, Route
from bayplan.server.kept_answers import KeptAnswer

_FILTER_EXAMPLE = {
    "expressions": [{"type": "compare", "field": "pk", "operator": ">=", "value": 1}],
    "order_by": [{"field": "pk", "ascending": False}],
}


def crud_routes(resource: Resource) -> tuple[Route, ...]:
    """Gives the six routes of a resource."""
    name, singular = resource.name, resource.resource_type.singular
    tags, path = (resource.plural,), f"/v1/{resource.name}"
    expand = expanding(ExpandParameters, name)
    has_credentials = any(field.sight is Visibility.CREDENTIALS for field in resource.resource_type.fields)
    list_parameters: type[ListParameters] = ImageListParameters if has_credentials else ListParameters
    load_parameters: type[ExpandParameters] = ImageLoadParameters if has_credentials else ExpandParameters
    first = next(iter(resource.example))
    return (
        Route(
            "POST",
            f"{path}/list",
            _list(resource),
            _access(resource, "list", USERS),
            f"List {resource.plural}",
            f"Gives the {resource.plural} that match the filter in the body; without a body, all of them.",
            f"list_{name}",
            tags,
            query=expanding(list_parameters, name),
            body=Filter,
            body_required=False,
            body_as=BodyAs.BYTES,
            example=_FILTER_EXAMPLE,
            answer=list[resource.answer],  # type: ignore[name-defined]  # a type that the resource names
            conditional=True,
        ),
        Route(
            "POST",
            f"{path}/create",
            _create(resource),
            _access(resource, "create", CATALOGUE_STAFF),
            f"Add a {singular}",
            f"Adds a {singular}; staff only. References are pks or natural keys.",
            f"create_{name}",
            tags,
            query=expand,
            body=resource.create,
            example=resource.example,
            answer=resource.answer,
            status=201,
            errors=(409,),
            headers=(*TAGGED, "Location"),
        ),
        Route(
            "GET",
            f"{path}/{{pk}}",
            _load(resource),
            _access(resource, "load", USERS),
            f"Load a {singular}",
            operation_id=f"load_{name}",
            tags=tags,
            query=expanding(load_parameters, name),
            answer=resource.answer,
            errors=(404,),
            conditional=True,
            most_at_once=None,
        ),
        Route(
            "PUT",
            f"{path}/{{pk}}",
            _write(resource, "replace"),
            _access(resource, "replace", CATALOGUE_STAFF),
            f"Update a {singular}",
            f"Replaces all fields of a {singular}; {_writers(resource, 'replace')}.",
            f"update_{name}",
            tags,
            query=expand,
            body=resource.replace,
            example=resource.example,
            answer=resource.answer,
            errors=(404, 409, 412),
            if_match=IF_MATCH,
            headers=TAGGED,
        ),
        Route(
            "PATCH",
            f"{path}/{{pk}}",
            _write(resource, "change"),
            _access(resource, "change", CATALOGUE_STAFF),
            f"Partially update a {singular}",
            f"Changes the fields of a {singular} that the body names; {_writers(resource, 'change')}.",
            f"patch_{name}",
            tags,
            query=expand,
            body=resource.patch,
            example={first: resource.example[first]},
            answer=resource.answer,
            errors=(404, 409, 412),
            if_match=IF_MATCH,
            headers=TAGGED,
        ),
        Route(
            "DELETE",
            f"{path}/{{pk}}",
            _delete(resource),
            _access(resource, "delete", CATALOGUE_STAFF),
            f"Delete a {singular}",
            f"{resource.removal} Staff only.",
            f"delete_{name}",
            tags,
            status=204,
            errors=(404, 409, 412),
            if_match=IF_MATCH,
        ),
    )


def _access(resource: Resource, action: str, of_users: Access) -> Access:
    is_for_sessions = resource.only_sessions_write and action not in ("list", "load")
    scope = None if is_for_sessions else of_users.scope
    return replace(of_users, workers=resource.workers_may.get(action), scope=scope)


def _writers(resource: Resource, action: str) -> str:
    return "staff, and workers their own" if action in resource.workers_may else "staff only"


def _sender(call: Call[Any, Any]) -> queries.Sender:
    return queries.Sender(call.principal, call.address)


def _list(resource: Resource) -> Handler:
    async def list_(context: Context, call: Call[ListParameters, bytes]) -> Response:
        request, principal, query, version = call.request, reader(call), call.query, call.version
        visible_as = queries.visible_as(resource, principal)
        question = (resource.name, visible_as, request.scope["query_string"], call.body)
        kept = context.kept_answers.get(question, version)
        if kept is not None:
            return tagged(request, kept.body, kept.tag, headers=kept.headers)
        listing = await queries.listing(resource, principal, call.body, query)
        # The version was read before the rows: were they newer than their tag, they would only be sent once more.
        tag = f"{version}-{fingerprint(call.body, request.scope['query_string'], repr(visible_as).encode())}"
        is_volatile = projection(resource.name, principal, query.expand).is_volatile
        if not is_volatile and is_known(request, tag):
            return unchanged(tag)
        disclosure = context.disclosure()
        page = await queries.page(context, principal, listing, version, disclosure, query.after)
        headers = {} if page.total is None else page_headers(request, page.total, query, page.following)
        if isinstance(page.body, bytes) and not (is_volatile or disclosure.images):
            question_bytes = len(call.body) + len(request.scope["query_string"])
            context.kept_answers.keep(question, KeptAnswer(version, tag, page.body, headers), question_bytes)
        if is_volatile and isinstance(page.body, bytes):
            tag = fingerprint(page.body)
        answer = tagged(request, page.body, tag, headers=headers)
        return await disclosing(context, call, "list", disclosure, answer)

    return list_


def _load(resource: Resource) -> Handler:
    async def load(context: Context, call: Call[ExpandParameters, None]) -> Response:
        disclosure, expand = context.disclosure(), call.query.expand
        item, tag = await queries.load(context, reader(call), resource, call.pk, expand, call.version, disclosure)
        answer = tagged(call.request, item, queries.expanded_tag(tag, expand, call.version))
        return await disclosing(context, call, "load", disclosure, answer)

    return load


def _create(resource: Resource) -> Handler:
    async def create(context: Context, call: Call[ExpandParameters, Body]) -> Response:
        written = await queries.create(context, _sender(call), resource, call.body.values(), call.query.expand)
        headers = {"Location": f"/v1/{resource.name}/{written.content['pk']}"}
        return tagged(call.request, written.content, written.tag, 201, headers)

    return create


def _write(resource: Resource, action: str) -> Handler:
    async def write(context: Context, call: Call[ExpandParameters, Body]) -> Response:
        values = call.body.model_dump(exclude_unset=True) if action == "change" else call.body.values()
        sender, expand = _sender(call), call.query.expand
        written = await queries.change(
            context, sender, resource, call.pk, values, expand, action=action, if_match=call.if_match
        )
        return tagged(call.request, written.content, written.tag)

    return write


def _delete(resource: Resource) -> Handler:
    async def delete(context: Context, call: Call[NoParameters, None]) -> Response:
        await queries.delete(context, call.principal, resource, call.pk, if_match=call.if_match)
        return Response(status_code=204)

    return delete
