"""What a running server holds, and who is asking: handed to every router when the application is wired."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from starlette.requests import Request

from bayplan.api.registries import Registries
from bayplan.api.tokens import Tokens, Use
from bayplan.config import Settings
from bayplan.db import accounts
from bayplan.db.engine import Database
from bayplan.db.keyring import Keyring
from bayplan.db.selection import Selection, selection
from bayplan.db.shapes import Viewer
from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.schemas.common import timestamp

_MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a user, or a node, or staff who act for a node; and the catalogue's version when they did."""

    viewer: Viewer
    version: int
    user: int | None = None
    node: int | None = None

    @property
    def is_staff(self) -> bool:
        """Whether the caller is a staff user."""
        return self.viewer.is_staff

    def must_be_staff(self) -> None:
        """Raises `Forbidden` for anyone else."""
        if not self.is_staff:
            raise Forbidden("Only staff may do this: ask one of them, or log in as one.")

    def select(self, resource: str, expand: tuple[str, ...] = ()) -> Selection:
        """Gives the selection of a resource's objects as this caller sees them."""
        return selection(resource, self.is_staff or self.viewer.is_worker, self.is_staff, expand)


@dataclass(slots=True)
class Runtime:
    """The settings, the store, the keys and the way to registries of one server process."""

    settings: Settings
    db: Database
    keyring: Keyring
    tokens: Tokens
    registries: Registries
    _callers: dict[str, tuple[Caller, float]] = field(default_factory=dict)

    async def caller(self, request: Request) -> Caller:
        """Gives who sent the request; raises `Unauthenticated` (401), or `Forbidden` and `Malformed` for a bad Node-Id.

        A token is read once for each version of the catalogue: whoever is deactivated moves that version.
        """
        token = _bearer(request)
        known = self._callers.get(token)
        if known is not None and known[1] > time.time() and known[0].version == await self.db.version():
            found = known[0]
        else:
            found, expires = await self.caller_of(token, "access")
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            self._callers[token] = (found, expires)
        named = request.headers.get("node-id")
        return found if named is None else await self._acting_for(found, named)

    async def caller_of(self, token: str, *uses: Use) -> tuple[Caller, float]:
        """Gives who a token stands for, and until when; raises `Unauthenticated` unless it is good for one of the `uses`."""
        claim = self.tokens.read(token)
        if claim.use not in uses:
            raise Unauthenticated(f"This is a token for '{claim.use}': use the {' or '.join(uses)} token here.")
        account, version = await accounts.standing(self.db, claim.subject, claim.pk)
        if account is None or account.token_epoch != claim.epoch:
            raise Unauthenticated("The token was revoked: log in again at /v1/auth/obtain.")
        if claim.subject == "node":
            return Caller(Viewer(is_worker=True), version, node=claim.pk), claim.expires
        return Caller(Viewer(user=claim.pk, is_staff=account.is_staff), version, user=claim.pk), claim.expires

    async def _acting_for(self, caller: Caller, named: str) -> Caller:
        pk = int(named) if named.isascii() and named.isdigit() and len(named) < 19 else 0
        if not caller.is_staff and caller.node != pk:
            raise Forbidden("Only staff may act for a node by 'Node-Id', and a node only for itself.")
        if await accounts.node(self.db, pk) is None:
            raise Malformed(f"The header 'Node-Id' names no node: '{named[:40]}'.", code="unknown_node")
        return replace(caller, node=pk)


def now() -> str:
    """Gives the time, as answers show it."""
    return timestamp(datetime.now(UTC))


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated("Log in first: send 'Authorization: Bearer <access token>', from /v1/auth/obtain.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("The header must be 'Authorization: Bearer <access token>'.")
    return token.strip()
