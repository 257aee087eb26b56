"""Answers that may have registry passwords: none leaves that nobody asked for, or before its entry is in the audit log."""

from typing import Any

from starlette.responses import Response

from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.server.context import Context
from bayplan.server.http.parameters import CredentialsParameters
from bayplan.server.http.route import Call


def reader(call: Call[Any, Any]) -> Principal:
    """Gives the principal as which an answer is read: one without credentials where the request asks for none."""
    wants_none = isinstance(call.query, CredentialsParameters) and not call.query.credentials
    return call.principal.without_credentials if wants_none else call.principal


async def disclosing(
    context: Context, call: Call[Any, Any], action: str, disclosure: Disclosure, response: Response
) -> Response:
    """Gives the response once the passwords in it are in the audit log; raises `DatabaseUnavailable` where they cannot be.

    A 304, and the answer to `HEAD`, have none.
    """
    if disclosure.unreadable and "etag" in response.headers:
        del response.headers["ETag"]  # the same answer has the passwords when their key is back
    if disclosure.images and response.status_code != 304 and call.request.method != "HEAD":
        await context.audit.disclosed(call.principal, call.address, action, disclosure)
        response.headers.setdefault("Cache-Control", "no-store")
    return response
