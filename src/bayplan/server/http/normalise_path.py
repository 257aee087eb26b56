"""Paths as clients write them, brought to the one that routes know: a trailing slash goes, `/v1/licenses` is `/v1/licences`.

Done before routing and not by a redirect: clients turn a redirected POST into a GET.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

_ALIASES = {"/v1/licenses/": "/v1/licences/"}


class NormalisePath:
    """ASGI middleware that rewrites the path of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with its path tidied."""
        if scope["type"] == "http":
            path = scope["path"]
            for alias, known in _ALIASES.items():
                if path.startswith(alias):
                    path = known + path.removeprefix(alias)
            if len(path) > 1 and path.endswith("/"):
                path = path.rstrip("/") or "/"
            if path != scope["path"]:
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)
