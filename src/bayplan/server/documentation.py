"""The API's own pages: its OpenAPI document, and Swagger UI over it, whose files are in a package, so that no page needs the internet."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import orjson
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

import bayplan
from bayplan.server.auth.access import PUBLIC
from bayplan.server.context import Context
from bayplan.server.http import openapi
from bayplan.server.http.responses import Json
from bayplan.server.http.route import Call, Route

_INFO = {
    "title": "bayplan",
    "summary": "Which docker image runs on which worker, and why the others do not.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "version": bayplan.__version__,
}
_START_NAME = "start.js"  # a file of its own, since the policy permits no code within a page
_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="shortcut icon" href="data:,">
<title>bayplan: the API</title>
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
})
"""


@cache
def _static_files() -> StaticFiles:
    spec = find_spec("swagger_ui")  # located and not imported: its code is for other frameworks
    assert spec is not None
    assert spec.origin is not None
    return StaticFiles(directory=Path(spec.origin).parent / "static")


def document(routes: Sequence[Route]) -> openapi.Object:
    """Gives the OpenAPI document of these routes."""
    return openapi.document(routes, _INFO)


async def docs(_context: Context, _call: Call[None, None]) -> Response:
    """Answers with the page."""
    return HTMLResponse(_PAGE)


async def asset(_context: Context, call: Call[None, None]) -> Response:
    """Answers with a file of Swagger UI."""
    name: str = call.request.path_params["file"]
    if name == _START_NAME:
        return Response(_START, media_type="text/javascript")
    return await _static_files().get_response(name if name in _FILES else "", call.request.scope)


def documentation_routes(routes: Sequence[Route]) -> tuple[Route, ...]:
    """Gives the routes of the pages that document these routes."""

    @cache
    def described() -> bytes:
        return orjson.dumps(document(routes))

    async def openapi_document(_context: Context, _call: Call[None, None]) -> Response:
        return Json(described())

    return tuple(
        Route("GET", path, handler, PUBLIC, query=None, is_documented=False)
        for path, handler in (("/openapi.json", openapi_document), ("/docs", docs), ("/docs/assets/{file}", asset))
    )
