"""A page as data: its address, who may see it, and its view; and a request for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from bayplan.db.principal import Principal
from bayplan.server.auth.access import ANY_USER, Access
from bayplan.server.http.parameters import NoParameters, Parameters
from bayplan.server.http.route import Call
from bayplan.web.form import Form

QueryT = TypeVar("QueryT")


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A page in the navigation."""

    label: str
    path: str
    is_current: bool
    is_in_menu: bool
    """Whether it is in the menu at the end, and not in the bar."""


@dataclass(slots=True)
class PageCall(Generic[QueryT]):
    """A permitted request for a page, with its query and its form parsed."""

    request: Request
    principal: Principal
    """Who is logged in; `EVERYBODY` on a public page."""
    version: int
    """The catalogue's version when the principal was read."""
    query: QueryT
    form: Form
    """The fields of a form that was sent; none for `GET`."""
    navigation: Sequence[NavigationEntry] = ()
    """The pages that the principal may see and the navigation names."""
    paths: frozenset[str] = frozenset()
    """The paths of all pages that the principal may see."""
    session: str = field(default="", repr=False)
    """The token of the session; empty where nobody is logged in."""

    @property
    def pk(self) -> int:
        """The primary key in the path; 0, which no row has, for a number beyond 64 bits."""
        return int(self.request.path_params["pk"])

    @property
    def address(self) -> str:
        """The network address that the request comes from."""
        return Call(self.request, self.principal, self.version, None, None, None).address or ""

    def may_open(self, address: str) -> bool:
        """Whether there is a page at an address of this server that the principal may see."""
        steps = address.partition("?")[0].split("/")
        return "/".join("{pk}" if step.isdigit() else step for step in steps) in self.paths

    @property
    def is_logged_in(self) -> bool:
        """Whether somebody is."""
        return self.principal.user is not None


View = Callable[[Any, Any], Awaitable[Response]]
"""A view: takes the server's `Context` and a `PageCall` of its own query."""


@dataclass(frozen=True, slots=True)
class PageRoute:
    """An address for people. Its path may have `{pk}` anywhere, and other parameters as its last step or its last two."""

    method: str
    path: str
    view: View
    access: Access = ANY_USER
    label: str = ""
    """Its word in the navigation; without one it is not there. Which pages are in the bar: `BAR` of web/site.py."""
    query: type[Parameters] | None = NoParameters
    """The model of the query string; None where the view reads it."""
    most_bytes: int = 512 * 1024
    """Of a form that is read; fewer where the setting `max_body_bytes` says so."""
    most_at_once: int | None = 16
    """Requests that one process handles at once; None where they are quick."""

    @property
    def name(self) -> str:
        """The page for people: "GET /images/{pk}"."""
        return f"{self.method} {self.path}"
