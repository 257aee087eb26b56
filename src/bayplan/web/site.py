"""The steps of every page before its view, and errors as pages."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from bayplan.db.principal import EVERYBODY, Principal
from bayplan.errors import BayplanError, Unauthenticated
from bayplan.server.auth.authentication import Authentication
from bayplan.server.context import Context
from bayplan.server.http import errors
from bayplan.server.http.endpoint import Endpoint
from bayplan.server.http.parameters import NoParameters, parse_query
from bayplan.server.http.parsing import read_body
from bayplan.server.http.turns import ARRIVED, Turns
from bayplan.web import rendering, static_files
from bayplan.web.form import Form, form_in
from bayplan.web.page import NavigationEntry, PageCall, PageRoute
from bayplan.web.session import COOKIE, FORM_TOKEN, own_path, refuse_forged, refuse_other_origins

BAR = ("/", "/images", "/nodes", "/ask", "/matrix", "/plan")
"""The pages in the bar of the navigation, by their paths: as many as fit 360 pixels. All others are in its menu."""
_OF_PROGRAMS = ("/v1/", "/docs/")
_HEADERS_OF_ERRORS = ("allow", "retry-after", "connection")


class Site:
    """The pages of a server: their endpoints, and errors as pages for who asks for pages."""

    def __init__(self, context: Context, pages: Sequence[PageRoute]) -> None:
        self._context = context
        self._pages = pages
        self._paths = {page.path for page in pages if page.method == "GET"}

    def endpoints(self) -> list[tuple[str, str, Endpoint]]:
        """Gives the method, the path and the endpoint of each page, and of the static files."""
        pages = [(page.method, page.path, self._endpoint(page)) for page in self._pages]
        return [*pages, ("GET", static_files.PATH, static_files.endpoint())]

    async def shown(self, scope: Scope, problem: Response) -> Response:
        """Gives an error as who asks reads it: a page for a browser, the problem details themselves for a program."""
        request = Request(scope)
        if scope["path"].startswith(_OF_PROGRAMS) or not _takes_pages(request):
            return problem
        try:
            authentication = await self._authentication(request)
        except BayplanError:  # the database does not answer: that may be the error to show
            authentication = None
        call = self._call(request, authentication)
        headers = {name: problem.headers[name] for name in _HEADERS_OF_ERRORS if name in problem.headers}
        details = orjson.loads(problem.body)
        if problem.status_code == 404 and "path_params" not in scope:
            details["detail"] = f"There is no page at {scope['path'][:200]}."
        return rendering.rendered_error(self._context, call, details, headers)

    def _endpoint(self, page: PageRoute) -> Endpoint:
        turns = None if page.most_at_once is None else Turns(page.most_at_once)

        async def answer(request: Request) -> Response:
            if page.method == "GET" and _wants_json(request):
                return errors.nothing_at(request.url.path)
            call = await self._checked(page, request)
            if isinstance(call, Response):
                return call
            if turns is None:
                return await page.view(self._context, call)
            sender = call.principal.user or (request.client and request.client.host)
            async with turns.taken(sender, request.scope.get("state", {}).get(ARRIVED)):
                return await page.view(self._context, call)

        return answer

    async def _checked(self, page: PageRoute, request: Request) -> PageCall[Any] | Response:
        """The call of a request that is permitted; the way to the log-in for who has to log in first."""
        if page.method != "GET":
            refuse_other_origins(request)
        authentication = await self._authentication(request)
        if authentication is None and not page.access.is_public:
            return self._to_log_in(page, request)
        call = self._call(request, authentication)
        self._check_access(page, call.principal)
        if page.method != "GET":
            body = await read_body(request, min(page.most_bytes, self._context.settings.max_body_bytes))
            call.form = await form_in(body, request.headers.get("content-type", ""))
            # The form may have come slowly, and its sender may have been revoked meanwhile.
            authentication = await self._authentication(request)
            if authentication is None and not page.access.is_public:
                return self._to_log_in(page, request)
            call.principal, call.version = _principal(authentication), authentication.version if authentication else 0
            self._check_access(page, call.principal)
            if not page.access.is_public:
                refuse_forged(self._context.tokens, call.session, call.form.exact(FORM_TOKEN))
        if page.query is not None and request.scope["query_string"]:
            call.query = parse_query(request, page.query)
        elif page.query is not None:
            call.query = page.query()
        return call

    def _check_access(self, page: PageRoute, principal: Principal) -> None:
        if not page.access.is_public:
            page.access.check(principal)

    def _call(self, request: Request, authentication: Authentication | None) -> PageCall[Any]:
        principal = _principal(authentication)
        path = request.url.path
        pages = [page for page in self._pages if page.method == "GET" and _may_see(principal, page)]
        navigation = [
            NavigationEntry(
                page.label,
                page.path,
                path == page.path or path.startswith(f"{page.path}/"),
                is_in_menu=page.path not in BAR,
            )
            for page in pages
            if page.label and principal.user is not None
        ]
        session = request.cookies.get(COOKIE, "") if authentication is not None else ""
        version = authentication.version if authentication is not None else 0
        paths = frozenset(page.path for page in pages)
        return PageCall(request, principal, version, NoParameters(), Form(), navigation, paths, session)

    async def _authentication(self, request: Request) -> Authentication | None:
        """Who is logged in by the cookie; nobody where it is not there, not valid or no longer valid."""
        session = request.cookies.get(COOKIE)
        if not session:
            return None
        try:
            return await self._context.authenticator.authenticate(session, "page")
        except Unauthenticated:
            return None

    def _to_log_in(self, page: PageRoute, request: Request) -> Response:
        path, query = request.scope["path"], request.url.query
        path = path if page.method == "GET" or page.path in self._paths else "/"
        query = f"?{query}" if query and page.method == "GET" else ""
        following = own_path(f"{quote(path)}{query}")
        return rendering.see_other(
            request, "/login" if following == "/" else f"/login?next={quote(following, safe='/')}"
        )


def _principal(authentication: Authentication | None) -> Principal:
    return EVERYBODY if authentication is None else authentication.principal


def _may_see(principal: Principal, page: PageRoute) -> bool:
    access = page.access
    return access.is_public or (principal.user is not None and (access.staff if principal.is_staff else access.users))


def _takes_pages(request: Request) -> bool:
    """Whether who asks names HTML among what they take, as every browser does for a page."""
    return "text/html" in request.headers.get("accept", "")


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "json" in accepted and "text/html" not in accepted
