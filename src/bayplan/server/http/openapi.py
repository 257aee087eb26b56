"""The OpenAPI document of the declared routes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from bayplan.schemas.components import component_name, component_reference, component_schemas
from bayplan.schemas.problem import ProblemDetails
from bayplan.server.http.parameters import documented
from bayplan.server.http.route import Route

Object = dict[str, Any]

ERRORS: Mapping[int, str] = {
    400: "The body is not JSON, or `Node-Id` is not the pk of a node.",
    401: "There is no token, or it is wrong, expired or revoked.",
    403: "Logged in, but not allowed to do this.",
    404: "There is no such object.",
    409: "The object exists already, is still in use, or was deleted.",
    412: "Somebody else changed the object since: its tag is no longer that of `If-Match`.",
    413: "The body is larger than the server reads.",
    422: "A field of the request is wrong: `errors` names each.",
    429: "Too many failed log-ins, or an hourly budget is used up: `Retry-After` says when to try again.",
    500: "A fault of bayplan: please report it.",
    502: "The registry does not answer, or answers with an error.",
    503: "The database or a key cannot be used, or there are too many requests: `Retry-After` says when to try again.",
    504: "The registry takes too long.",
}
_ALWAYS = (500, 503)
HEADERS: Mapping[str, Object] = {
    "Cache-Control": {"description": "How long the answer may be cached.", "schema": {"type": "string"}},
    "Content-Encoding": {
        "description": "`gzip` if the request accepts that.",
        "schema": {"type": "string", "enum": ["gzip"]},
    },
    "ETag": {"description": "The tag of this state of the answer.", "schema": {"type": "string"}},
    "Link": {"description": "Other pages, as RFC 8288 has them.", "schema": {"type": "string"}},
    "Location": {"description": "The path of the new object.", "schema": {"type": "string"}},
    "Retry-After": {"description": "When to try again, in seconds.", "schema": {"type": "integer", "minimum": 0}},
    "Vary": {"description": "The headers of the request that the answer depends on.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to log in.", "schema": {"type": "string"}},
    "X-Total-Count": {"description": "How many objects all pages have.", "schema": {"type": "integer", "minimum": 0}},
}
TAGGED = ("Cache-Control", "ETag", "Vary")
NOT_KEPT = ("Cache-Control",)
PACKED = ("Content-Encoding",)
_OF_ERRORS: Mapping[int, tuple[str, ...]] = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
IF_MATCH = "An ETag. The change is made only if the object still has it; otherwise the answer is 412."
_IF_NONE_MATCH = "An ETag. If the answer still has it, the answer is 304 without a body."
_NODE_ID = "The pk of the node to act for: any for staff, one of its own for a worker."
_PK_SCHEMA = {"type": "integer", "minimum": 1}
_SECURITY = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def document(routes: Sequence[Route], info: Mapping[str, Any]) -> Object:
    """Gives the OpenAPI document of the documented routes."""
    paths: dict[str, Object] = {}
    for route in routes:
        if route.is_documented:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    components = {component_name(type_): type_ for route in routes for type_ in _types(route)}
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "paths": paths,
        "components": {"schemas": component_schemas(components.values()), "securitySchemes": _SECURITY},
    }


def _operation(route: Route) -> Object:
    operation: Object = {
        "tags": list(route.tags),
        "summary": route.summary,
        "description": route.text or f"{route.summary}.",
        "operationId": route.operation_id,
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if not route.access.is_public:
        operation["security"] = [{"bearer": []}]
    if route.body is not None:
        content: Object = {"schema": component_reference(route.body)}
        if route.example is not None:
            content["example"] = route.example
        operation["requestBody"] = {"required": route.body_required, "content": {"application/json": content}}
    return operation


def _parameters(route: Route) -> Iterator[Object]:
    if "{pk}" in route.path:
        yield {"name": "pk", "in": "path", "required": True, "schema": _PK_SCHEMA, "description": "Primary key."}
    if route.path_schema is not None:
        name = route.path.rpartition("/")[2].strip("{}")
        yield {"name": name, "in": "path", "required": True, **route.path_schema}
    if route.query is not None:
        yield from documented(route.query)
    if route.takes_node_id:
        yield _header("Node-Id", _NODE_ID, _PK_SCHEMA)
    if route.conditional:
        yield _header("If-None-Match", _IF_NONE_MATCH)
    if route.if_match is not None:
        yield _header("If-Match", route.if_match)


def _header(name: str, description: str, schema: Object | None = None) -> Object:
    return {"name": name, "in": "header", "schema": schema or {"type": "string"}, "description": description}


def _responses(route: Route) -> Object:
    statuses = set(route.errors)
    if not route.access.is_public:
        statuses |= {400, 401, 403}
    if route.body is not None:
        statuses |= {400, 413, 422}
    elif route.query is not None:
        statuses |= {422}
    statuses |= {*_ALWAYS}
    problem = {"application/problem+json": {"schema": component_reference(ProblemDetails)}}
    responses: Object = {
        str(status): {"description": ERRORS[status], "content": problem, **_headers(_OF_ERRORS.get(status, ()))}
        for status in sorted(statuses)
    }
    if route.conditional:
        responses["304"] = {
            "description": "The answer has not changed since the one with this ETag.",
            **_headers(TAGGED),
        }
    content = {} if route.answer is None else {"content": {route.media_type: {"schema": _schema(route.answer)}}}
    content |= _headers(_answer_headers(route))
    responses[str(route.status)] = {"description": "Done." if route.answer is None else "The answer.", **content}
    for status, description in route.other_answers.items():
        responses[str(status)] = {"description": description, **content}
    return responses


def _answer_headers(route: Route) -> Iterator[str]:
    if route.conditional:
        yield from TAGGED
    if route.query is not None and "limit" in route.query.model_fields:
        yield "Link"
        if "offset" in route.query.model_fields:
            yield "X-Total-Count"
    yield from route.headers


def _headers(names: Iterable[str]) -> Object:
    headers = {name: HEADERS[name] for name in sorted(set(names))}
    return {"headers": headers} if headers else {}


def _schema(answer: Any) -> Object:
    if isinstance(answer, Mapping):
        return dict(answer)
    if get_origin(answer) is list:
        return {"type": "array", "items": component_reference(get_args(answer)[0])}
    return component_reference(answer)


def _types(route: Route) -> Iterable[type[Any]]:
    """The types of a route that are components."""
    if not route.is_documented:
        return
    yield ProblemDetails
    if route.body is not None:
        yield route.body
    if route.answer is not None and not isinstance(route.answer, Mapping):
        yield get_args(route.answer)[0] if get_origin(route.answer) is list else route.answer
