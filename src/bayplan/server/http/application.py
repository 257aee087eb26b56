"""The ASGI application: normalises paths, finds the endpoint, and answers every error as problem details."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router as Lifespan
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bayplan.errors import BayplanError
from bayplan.server.http import errors
from bayplan.server.http.endpoint import Endpoint
from bayplan.server.http.request_body import RequestBody, answer_before_body
from bayplan.server.http.router import Router

_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_ALIASES = {"/v1/licenses/": "/v1/licences/"}


def normalized(path: str) -> str:
    """Gives the route's path for a client's: without a trailing slash, `/v1/licences` for `/v1/licenses`.

    Done before routing and not by a redirect: clients turn a redirected POST into a GET.
    """
    for alias, name in _ALIASES.items():
        if path.startswith(alias):
            path = name + path.removeprefix(alias)
    return path.rstrip("/") or "/" if path.endswith("/") else path


class Application:
    """Answers requests by the endpoints of a table, for as long as its lifespan lasts."""

    def __init__(
        self,
        endpoints: Iterable[tuple[str, str, Endpoint]],
        lifespan: Callable[[ASGIApp], AbstractAsyncContextManager[None]],
        cause: Callable[[Exception], Awaitable[Exception]],
        report: Callable[[Exception], None],
        shown: Callable[[Scope, Response], Awaitable[Response]],
    ) -> None:
        """`cause` gives what is behind an unforeseen error, and `report` gets each error that a request ended with.

        `shown` gives the problem details as who asks reads them.
        """
        self._cause = cause
        self._report = report
        self._shown = shown
        self._router = Router(endpoints)
        self._lifespan = lifespan
        self._others = Lifespan(lifespan=lifespan)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Runs the lifespan: for tests and programs that use the application without a server."""
        return self._lifespan(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._others(scope, receive, _in_a_sentence(send) if scope["type"] == "lifespan" else send)
            return
        path = normalized(scope["path"])
        if path != scope["path"]:
            scope["path"] = path
        method: str = scope["method"]
        if method == "HEAD":
            send = _without_body(send)
        match = self._router.find(method, path)
        if match is None:
            allowed = self._router.methods(path)
            response = errors.wrong_method(method, allowed) if allowed else errors.nothing_at(path)
            await answer_before_body(await self._shown(scope, response), scope, RequestBody(receive), send)
            return
        endpoint, scope["path_params"] = match
        body = RequestBody(receive)
        request = Request(scope, body, send)
        try:
            response = await endpoint(request)
        except Exception as exception:
            error = exception if errors.is_expected(exception) else await self._cause(exception)
            self._report(error)
            await answer_before_body(await self._shown(scope, errors.answer(error)), scope, body, send)
            if not errors.is_expected(error):
                raise
            return
        if body.is_complete or method in _WITHOUT_BODY:
            await response(scope, body, send)
        else:
            await answer_before_body(response, scope, body, send)


def _in_a_sentence(send: Send) -> Send:
    """Says in a sentence why a start failed, in place of the traceback, where the error is one of ours."""

    async def send_reason(message: Message) -> None:
        error = sys.exc_info()[1]
        if message["type"] == "lifespan.startup.failed" and isinstance(error, BayplanError):
            message = {**message, "message": error.detail}
        await send(message)

    return send_reason


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
