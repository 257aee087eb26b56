"""Every error as one shape, RFC 9457 `application/problem+json`, and each error class with its status."""

import logging
from http import HTTPStatus

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bayplan import errors
from bayplan.db.database import DatabaseUnavailable
from bayplan.db.keyring import UnknownKey
from bayplan.registry import errors as registries

_log = logging.getLogger("bayplan")

STATUS: dict[type[errors.BayplanError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.TooManyAttempts: 429,
    UnknownKey: 503,
    DatabaseUnavailable: 503,
    # What the caller can mend is theirs; the rest is the registry's.
    registries.RegistryError: 502,
    registries.RegistryNotAllowed: 422,
    registries.RegistryDenied: 422,
    registries.ImageNotFound: 404,
    registries.RegistryTimeout: 504,
}

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "malformed"}


def problem(
    status: int, code: str, detail: str, parts: tuple[errors.Problem, ...] = (), headers: dict[str, str] | None = None
) -> Response:
    """Gives an error as a response."""
    body = {
        "type": f"urn:bayplan:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [{"field": part.field, "code": part.code, "detail": part.detail} for part in parts],
    }
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.BayplanError)
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="bayplan"'
    if isinstance(error, errors.TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 413:
        headers["Connection"] = "close"
    if status >= 500:
        _log.error("%s", error.detail)
    return problem(status, error.code, error.detail, error.problems, headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "error")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = ", ".join(_methods(request))
        headers["Allow"] = allowed
        detail = f"{request.method} is not a method of this address; allowed: {allowed}."
    elif error.status_code == 404:
        detail = f"There is nothing at {request.url.path[:200]}; /docs shows what there is."
    else:
        detail = str(error.detail)
    return problem(error.status_code, code, detail, headers=headers)


def _methods(request: Request) -> list[str]:
    """The methods of an address; the router itself names only those of the first route that fits."""
    asked = request.scope["path"].split("/")
    found = {
        method.upper()
        for path, methods in request.app.openapi()["paths"].items()
        for method in methods
        if len(steps := path.split("/")) == len(asked) and all(map(_fits, steps, asked))
    }
    return sorted(found) or ["GET"]  # what is not documented is a page


def _fits(step: str, asked: str) -> bool:
    return asked.isdigit() if step == "{pk}" else step.startswith("{") or step == asked


async def _hung_up(_request: Request, _error: Exception) -> Response:
    return problem(400, "malformed", "The connection ended before the body did.")  # nobody is there to read it


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return problem(500, "internal", "Something went wrong inside bayplan; its log says what. Nothing was changed.")


def install(app: FastAPI) -> None:
    """Makes the application answer every error in this shape."""
    app.add_exception_handler(errors.BayplanError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(Exception, _unexpected)
