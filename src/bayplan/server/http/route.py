"""A route as data: method and path, access, request and answer types, and documentation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from bayplan.db.principal import Principal
from bayplan.domain.machine_address import machine_address
from bayplan.server.auth.access import Access
from bayplan.server.http.parameters import NoParameters, Parameters
from bayplan.server.http.responses import header_list

QueryT = TypeVar("QueryT")
BodyT = TypeVar("BodyT")


@dataclass(slots=True)
class Call(Generic[QueryT, BodyT]):
    """An authenticated and permitted request, with its parameters and its body parsed."""

    request: Request
    principal: Principal
    version: int
    """The catalogue's version when the principal was read; 0 for routes without authentication."""
    node: int | None
    """The node that the header `Node-Id` names."""
    query: QueryT
    body: BodyT

    @property
    def pk(self) -> int:
        """The primary key in the path; 0, which no row has, for a number beyond 64 bits."""
        return int(self.request.path_params["pk"])

    @property
    def if_match(self) -> str | None:
        """The header `If-Match`."""
        return header_list(self.request, "if-match")

    @property
    def address(self) -> str | None:
        """The network address that the request comes from."""
        client = self.request.client
        if client is None:
            return None
        # An IPv4 client of an IPv6 socket has an IPv6 address that maps its own.
        return machine_address(client.host) if ":" in client.host else client.host


class BodyAs(Enum):
    """The form in which a handler gets the body."""

    MODEL = auto()
    BYTES = auto()  # the handler parses it: it caches the result, or chooses the type
    UNREAD = auto()  # the handler authenticates before it reads


Handler = Callable[[Any, Any], Awaitable[Response]]
"""A handler: takes the server's `Context` and a `Call` of its own query and body."""


def _as_set(most_bytes: int) -> int:
    return most_bytes


@dataclass(frozen=True, slots=True)
class Route:
    """An operation of the API. Its path may have `{pk}` anywhere, and another parameter as its last step."""

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str = ""
    text: str = ""
    operation_id: str = ""
    tags: tuple[str, ...] = ()
    query: type[Parameters] | None = NoParameters
    """The model of the query string; None where it is not read."""
    body: type[BaseModel] | None = None
    body_required: bool = True
    body_as: BodyAs = BodyAs.MODEL
    body_limit: Callable[[int], int] = _as_set
    """The most bytes of a body that are read, from the setting `max_body_bytes`."""
    example: Any = None
    answer: Any = None
    """A type of the schemas, a list of a type, or a JSON schema."""
    media_type: str = "application/json"
    """The media type of the answer."""
    status: int = 200
    other_answers: Mapping[int, str] = field(default_factory=dict)
    """Other statuses with the same answer, each with its description."""
    errors: tuple[int, ...] = ()
    conditional: bool = False
    """Whether `If-None-Match` is answered with 304."""
    headers: tuple[str, ...] = ()
    """The headers of the answer that do not follow from the rest, by their names in `openapi.HEADERS`."""
    if_match: str | None = None
    """The description of `If-Match`, for routes that use it."""
    takes_node_id: bool = False
    path_schema: Mapping[str, Any] | None = None
    """The documentation of the path's parameter that is not `{pk}`."""
    is_documented: bool = True
    most_at_once: int | None = 32
    """Requests that one process handles at once; None where they are quick, or wait for others than the database."""

    @property
    def name(self) -> str:
        """The route for people: "GET /v1/docker/{pk}"."""
        return f"{self.method} {self.path}"
