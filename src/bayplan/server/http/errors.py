"""Errors as RFC 9457 `application/problem+json`, and the status of each error class."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bayplan import errors
from bayplan.db.database import DatabaseUnavailable
from bayplan.db.keyring import UnknownKey
from bayplan.registry import errors as registries
from bayplan.scan.errors import ScanFailed

_log = logging.getLogger("bayplan")
# For a key that is missing, until somebody has put it back.
_RETRY_AFTER_SECONDS = 30

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
    errors.Overloaded: 503,
    UnknownKey: 503,
    DatabaseUnavailable: 503,
    # What the sender of a request can mend is 4xx; the rest are the registry's errors.
    registries.RegistryError: 502,
    registries.RegistryNotAllowed: 422,
    registries.RegistryDenied: 422,
    registries.ImageNotFound: 404,
    registries.RegistryTimeout: 504,
    ScanFailed: 502,
}


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


def answer(error: Exception) -> Response:
    """Gives the response for a request that failed."""
    if isinstance(error, errors.BayplanError):
        return _expected(error)
    if isinstance(error, ClientDisconnect):
        return problem(
            400, "malformed", "The connection ended before the body was complete: send the request again."
        )  # nobody reads it
    if isinstance(error, HTTPException) and error.status_code == 404:  # an unknown static file
        return problem(404, "not_found", "There is no such file: /docs lists all addresses.")
    return problem(
        500,
        "internal",
        "The request failed by a fault of bayplan, and nothing was changed. The server's log has the details.",
    )


def is_expected(error: Exception) -> bool:
    """Whether the error comes from the request or another system, so that the log needs no traceback."""
    return isinstance(error, errors.BayplanError | ClientDisconnect | HTTPException)


def _expected(error: errors.BayplanError) -> Response:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="bayplan"'
    if isinstance(error, errors.TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 413:
        headers["Connection"] = "close"
    if status == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after_seconds", _RETRY_AFTER_SECONDS))
    if status >= 500 and not isinstance(error, DatabaseUnavailable | errors.Overloaded):
        _log.error("%s", error.detail)
    return problem(status, error.code, error.public_detail, error.problems, headers)


def wrong_method(method: str, allowed: Sequence[str]) -> Response:
    """Gives 405, with the methods of the path."""
    listed = ", ".join(allowed)
    detail = f"{method} is not a method of this address: send {' or '.join(allowed)}."
    return problem(405, "method_not_allowed", detail, headers={"Allow": listed})


def nothing_at(path: str) -> Response:
    """Gives 404 for an unknown path."""
    return problem(404, "not_found", f"There is nothing at {path[:200]}: /docs lists all addresses.")
