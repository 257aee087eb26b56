"""The documentation of every route: bodies, answers, errors and examples, as FastAPI's OpenAPI takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bayplan.db.projection import expandable
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.schemas.components import component_reference, component_schemas
from bayplan.schemas.filters import Filter
from bayplan.schemas.problem import ProblemDetails
from bayplan.server.http.resources import Resource

Words = dict[str, Any]

ERRORS: Mapping[int, str] = {
    400: "The body is not JSON at all, or `Node-Id` names no node.",
    401: "No credentials, or ones that are wrong, expired or revoked.",
    403: "Logged in, but not allowed to do this.",
    404: "There is no such object.",
    409: "A duplicate, still in use, or deleted.",
    412: "Somebody else changed it since: the `If-Match` tag is not the object's any more.",
    413: "The body is larger than the server reads.",
    422: "Well-formed, but something in it is wrong: `errors` names each field.",
    429: "Too many failed log-ins: `Retry-After` says when to try again.",
    502: "The registry does not answer, or not as a registry does.",
    504: "The registry takes too long.",
}

_FILTER_EXAMPLE: Words = {
    "expressions": [{"type": "compare", "field": "pk", "operator": ">=", "value": 1}],
    "order_by": [{"field": "pk", "ascending": False}],
}
_EXPAND = "Comma-separated references to nest as objects in place of their ids: "
PK = {
    "name": "pk",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
    "description": "Primary key.",
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "An ETag: the change is made only if the object is still that one (412 otherwise).",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "An ETag: 304 without a body if the answer is still that one.",
}
PAGE = [
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**17},
        "description": "At most so many objects; without it the list is whole.",
    },
    {
        "name": "offset",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**17},
        "description": "Leave out so many at the beginning.",
    },
]


NODE_ID = {
    "name": "Node-Id",
    "in": "header",
    "schema": {"type": "integer", "minimum": 1},
    "description": "The pk of the node to act for: any for staff, one of its own for a worker.",
}
EXPAND_IMAGE: Words = {
    "name": "expand",
    "in": "query",
    "schema": {"type": "string"},
    "description": _EXPAND + ", ".join(field.name for field in expandable(RESOURCE_TYPES["docker"])) + ".",
}


def reference(model: type[Any]) -> Words:
    """Gives the schema that refers to a request or an answer among the components."""
    MODELS.setdefault(model.__name__, model)
    return component_reference(model)


MODELS: dict[str, type[Any]] = {}


def action(
    summary: str,
    *,
    text: str = "",
    name: str,
    status: int = 200,
    body: type[BaseModel] | None = None,
    body_required: bool = True,
    example: Any = None,
    answer: Words | None = None,
    errors: Sequence[int] = (),
    parameters: Sequence[Words] = (),
    public: bool = False,
    conditional: bool = False,
) -> Words:
    """Gives the keyword arguments of `add_api_route` that document one action."""
    extra: Words = {"parameters": list(parameters)}
    if not public:
        extra["security"] = [{"bearer": []}]
        errors = (*errors, 401, 403, 400)
    if body is not None:
        errors = (*errors, 400, 413, 422)
        content: Words = {"schema": reference(body)}
        if example is not None:
            content["example"] = example
        extra["requestBody"] = {"required": body_required, "content": {"application/json": content}}
    elif parameters:
        errors = (*errors, 422)
    extra["responses"] = {
        str(code): {
            "description": ERRORS[code],
            "content": {"application/problem+json": {"schema": reference(ProblemDetails)}},
        }
        for code in sorted(set(errors))
    }
    if conditional:
        extra["responses"]["304"] = {"description": "The caller has the answer already."}
    good: Words = {"description": "Done." if answer is None else "The answer."}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    extra["responses"][str(status)] = good
    return {
        "summary": summary,
        "description": text or summary + ".",
        "operation_id": name,
        "status_code": status,
        "response_model": None,
        "openapi_extra": extra,
    }


def expand_parameter(resource: Resource) -> list[Words]:
    """Gives the documentation of `?expand=`, where the resource has references."""
    names = [field.name for field in expandable(resource.resource_type)]
    if not names:
        return []
    return [
        {"name": "expand", "in": "query", "schema": {"type": "string"}, "description": _EXPAND + ", ".join(names) + "."}
    ]


def list_(resource: Resource) -> Words:
    """Documents `POST list`."""
    return action(
        f"List {resource.plural}",
        text=f"Gives the {resource.plural} that the filter in the body lets through; without a body, all of them.",
        name=f"list_{resource.name}",
        body=Filter,
        body_required=False,
        example=_FILTER_EXAMPLE,
        answer={"type": "array", "items": reference(resource.answer)},
        parameters=[*expand_parameter(resource), *PAGE, IF_NONE_MATCH],
        conditional=True,
    )


def load(resource: Resource) -> Words:
    """Documents `GET {pk}`."""
    return action(
        f"Load a {resource.resource_type.singular}",
        name=f"load_{resource.name}",
        answer=reference(resource.answer),
        errors=[404],
        parameters=[PK, *expand_parameter(resource), IF_NONE_MATCH],
        conditional=True,
    )


def create(resource: Resource) -> Words:
    """Documents `POST create`."""
    return action(
        f"Add a {resource.resource_type.singular}",
        text=f"Adds a {resource.resource_type.singular}; staff only. References are pks or natural keys.",
        name=f"create_{resource.name}",
        status=201,
        body=resource.create,
        example=resource.example,
        answer=reference(resource.answer),
        errors=[409],
        parameters=expand_parameter(resource),
    )


def _writers(resource: Resource, action: str) -> str:
    return "staff, and workers their own" if action in resource.workers_may else "staff only"


def replace(resource: Resource) -> Words:
    """Documents `PUT {pk}`."""
    return action(
        f"Update a {resource.resource_type.singular}",
        text=f"Replaces all fields of a {resource.resource_type.singular}; {_writers(resource, 'replace')}.",
        name=f"update_{resource.name}",
        body=resource.replace,
        example=resource.example,
        answer=reference(resource.answer),
        errors=[404, 409, 412],
        parameters=[PK, *expand_parameter(resource), IF_MATCH],
    )


def change(resource: Resource) -> Words:
    """Documents `PATCH {pk}`."""
    first = next(iter(resource.example))
    return action(
        f"Partially update a {resource.resource_type.singular}",
        text=f"Changes the fields of a {resource.resource_type.singular} that the body names; {_writers(resource, 'change')}.",
        name=f"patch_{resource.name}",
        body=resource.patch,
        example={first: resource.example[first]},
        answer=reference(resource.answer),
        errors=[404, 409, 412],
        parameters=[PK, *expand_parameter(resource), IF_MATCH],
    )


def delete(resource: Resource) -> Words:
    """Documents `DELETE {pk}`."""
    return action(
        f"Delete a {resource.resource_type.singular}",
        text=f"{resource.removal} Staff only.",
        name=f"delete_{resource.name}",
        status=204,
        errors=[404, 409, 412],
        parameters=[PK, IF_MATCH],
    )


def components() -> Words:
    """Gives the schemas of every request and answer that a route refers to."""
    return component_schemas(MODELS.values())
