"""The steps of every route before its handler: authentication, access, then the parsing of the query and the body."""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bayplan.db.principal import EVERYBODY, Principal
from bayplan.errors import Forbidden, Unauthenticated
from bayplan.schemas.common import Body
from bayplan.server.auth.access import Access, WorkerAccess
from bayplan.server.auth.authentication import Authenticator
from bayplan.server.http.parameters import NoParameters, parse_query
from bayplan.server.http.parsing import parsed, read_body
from bayplan.server.http.route import BodyAs, Call, Route
from bayplan.server.http.turns import ARRIVED, Turns

Endpoint = Callable[[Request], Awaitable[Response]]

# A body may arrive slowly, and its sender may be revoked meanwhile.
_LATE_SECONDS = 1.0


def bearer(request: Request) -> str:
    """Gives the bearer token of the request; raises `Unauthenticated`."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated("Log in first: send 'Authorization: Bearer <access token>', from /v1/auth/obtain.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("The header must be 'Authorization: Bearer <access token>'.")
    return token.strip()


async def read_in_time(
    request: Request, principal: Principal, authenticator: Authenticator, access: Access, limit_bytes: int
) -> bytes:
    """Gives the whole body; raises `TooLarge`.

    Raises `Unauthenticated` or `Forbidden` where it came late, and the principal's rights have ended or changed by then.
    """
    begun = time.monotonic()
    body = await read_body(request, limit_bytes)
    if time.monotonic() - begun > _LATE_SECONDS:
        current = (await authenticator.check(bearer(request), "access")).principal_for(access)
        if (current.user, current.worker, current.is_staff) != (principal.user, principal.worker, principal.is_staff):
            raise Forbidden("Your rights were changed while the body was sent: send the request again.")
    return body


def _sender(request: Request, principal: Principal) -> Hashable:
    if principal is EVERYBODY:
        return request.client and request.client.host
    return principal.user, principal.worker


def endpoint(route: Route, context: Any, authenticator: Authenticator, max_body_bytes: int) -> Endpoint:
    """Gives the endpoint of a route, which calls its handler with the server's `context`."""
    handler, access, query_model, body_model = route.handler, route.access, route.query, route.body
    authenticates = not (access.is_public or access.takes_other_tokens)
    no_query = NoParameters() if query_model is None else query_model()
    limit_bytes = route.body_limit(max_body_bytes)
    turns = None if route.most_at_once is None else Turns(route.most_at_once)

    async def answer(request: Request) -> Response:
        principal, version, node = EVERYBODY, 0, None
        if authenticates:
            authentication = await authenticator.authenticate(bearer(request))
            principal, version = authentication.principal_for(access), authentication.version
            if not access.refuses_after_body:
                access.check(principal)
            node_id = request.headers.get("node-id")
            if node_id is not None:
                node = await authenticator.acting_node(principal, node_id)
            if access.workers is WorkerAccess.OWN_NODE and principal.worker is not None:
                await authenticator.require_own_node(principal, int(request.path_params["pk"]))
        query = no_query
        if query_model is not None and request.scope["query_string"]:
            query = parse_query(request, query_model)
        body = await body_of(request, principal)
        if authenticates and access.refuses_after_body:
            access.check(principal)
        call = Call(request, principal, version, node, query, body)
        if turns is None:
            return await handler(context, call)
        async with turns.taken(_sender(request, principal), request.scope.get("state", {}).get(ARRIVED)):
            return await handler(context, call)

    async def body_of(request: Request, principal: Principal) -> Any:
        if body_model is None or route.body_as is BodyAs.UNREAD:
            return None
        if authenticates:
            body = await read_in_time(request, principal, authenticator, access, limit_bytes)
        else:
            body = await read_body(request, limit_bytes)
        if route.body_as is BodyAs.BYTES:
            return body
        assert issubclass(body_model, Body)
        return body_model() if not body and not route.body_required else await parsed(body, body_model)

    return answer
