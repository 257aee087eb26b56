"""What a running server holds, and who is asking: handed to every router when the application is wired."""

import time
from dataclasses import dataclass, field, replace

from starlette.requests import Request

from bayplan.config import Settings
from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.keyring import Keyring
from bayplan.db.resource_types import Viewer
from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.schemas.common import NoFields
from bayplan.server.audit.recorder import AuditRecorder
from bayplan.server.auth import accounts
from bayplan.server.auth.principal import Principal
from bayplan.server.auth.tokens import TokenIssuer, Use
from bayplan.server.http.parsing import Model, parsed, read_body
from bayplan.server.registries import Registries

_MOST_CALLERS = 10_000
# A body may come as slowly as its sender likes, and by then the sender may have been revoked.
_LATE_SECONDS = 1.0
_WORKERS_MAY = (
    "A worker may read images with what is known of them, ask registries, match for, ping, load and update its own nodes, ask "
    "what it is to hold and say what it holds; nothing else."
)


@dataclass(slots=True)
class Context:
    """The settings, the store, the keys, the way to registries and the audit trail of one server process."""

    settings: Settings
    db: Database
    keyring: Keyring
    tokens: TokenIssuer
    registries: Registries
    audit: AuditRecorder
    _principals: dict[str, tuple[Principal, float]] = field(default_factory=dict)

    async def principal(self, request: Request, *, workers: bool = False) -> Principal:
        """Gives who sent the request; raises `Unauthenticated` (401), or `Forbidden` and `Malformed` for a bad Node-Id.

        Workers are refused unless the caller says that they may: what is forgotten is forbidden. A token is read once for
        each version of the catalogue: whoever is deactivated or revoked moves that version.
        """
        token = bearer(request)
        known = self._principals.get(token)
        if known is not None and known[1] > time.time() and known[0].version == await self.db.version():
            found = known[0]
        else:
            found, expires = await self.principal_of(token, "access")
            if len(self._principals) >= _MOST_CALLERS:
                self._principals.clear()
            self._principals[token] = (found, expires)
        if found.worker is not None and not workers:
            raise Forbidden(_WORKERS_MAY)
        named = request.headers.get("node-id")
        return found if named is None else await self._acting_for(found, named)

    async def principal_of(self, token: str, *uses: Use) -> tuple[Principal, float]:
        """Gives who a token stands for, and until when; raises `Unauthenticated` unless it is good for one of the `uses`."""
        claim = self.tokens.read(token)
        if claim.use not in uses:
            raise Unauthenticated(f"This is a token for '{claim.use}': use the {' or '.join(uses)} token here.")
        account, version = await accounts.account_and_version(self.db, claim.subject, claim.pk)
        if account is None or account.token_epoch != claim.epoch:
            raise Unauthenticated("The token was revoked: log in again at /v1/auth/obtain.")
        if claim.subject == "worker":
            return Principal(Viewer(is_worker=True), version, worker=claim.pk, name=account.name), claim.expires
        viewer = Viewer(user=claim.pk, is_staff=account.is_staff)
        return Principal(viewer, version, user=claim.pk, name=account.name), claim.expires

    async def body(self, request: Request, principal: Principal, limit_bytes: int | None = None) -> bytes:
        """Gives the whole body, of at most `limit_bytes` (`max_body_bytes` unless given); raises `TooLarge`.

        Raises `Unauthenticated` or `Forbidden` where it came late, and the caller's rights are gone or others by then.
        """
        begun = time.monotonic()
        body = await read_body(request, limit_bytes or self.settings.max_body_bytes)
        if time.monotonic() - begun > _LATE_SECONDS:
            still, _ = await self.principal_of(bearer(request), "access")
            if still.viewer != principal.viewer:
                raise Forbidden("What you may do was changed before the body had come: ask again.")
        return body

    async def read(
        self, request: Request, principal: Principal, model: type[Model], limit_bytes: int | None = None
    ) -> Model:
        """Gives the body as `model`; raises `Malformed`, `Invalid` with every problem in it, and what `body` raises."""
        return await parsed(await self.body(request, principal, limit_bytes), model)

    async def no_fields(self, request: Request, principal: Principal) -> None:
        """Reads the body where there is one; raises `Malformed` or `Invalid` unless it is an empty object."""
        body = await self.body(request, principal)
        if body:
            await parsed(body, NoFields)

    def disclosure(self) -> Disclosure:
        """Gives what decrypts the registry passwords of one answer, to be handed to the trail before the answer goes."""
        return Disclosure(self.keyring)

    async def require_own_node(self, principal: Principal, pk: int) -> None:
        """Raises `Forbidden` for a worker where the node is another's; users pass, and so does a pk that no node has."""
        if principal.worker is None:
            return
        slot = await accounts.node(self.db, pk)
        if slot is not None and slot.worker != principal.worker:
            raise Forbidden(f"The node with pk {pk} is not this worker's. {_WORKERS_MAY}")

    async def _acting_for(self, principal: Principal, named: str) -> Principal:
        pk = int(named) if named.isascii() and named.isdigit() and len(named) < 19 else 0
        if not principal.is_staff and principal.worker is None:
            raise Forbidden("Only staff may act for a node by 'Node-Id', and a worker for its own.")
        slot = await accounts.node(self.db, pk)
        if slot is None:
            raise Malformed(f"The header 'Node-Id' names no node: '{named[:40]}'.", code="unknown_node")
        if principal.worker not in (None, slot.worker):
            raise Forbidden(f"The node with pk {pk}, which 'Node-Id' names, is not this worker's.")
        return replace(principal, node=pk)


def bearer(request: Request) -> str:
    """Gives the token that the request carries; raises `Unauthenticated`."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated("Log in first: send 'Authorization: Bearer <access token>', from /v1/auth/obtain.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("The header must be 'Authorization: Bearer <access token>'.")
    return token.strip()
