"""Who a token stands for, read once for each version of the catalogue: whoever is deactivated or revoked moves that version."""

import time
from dataclasses import dataclass

from bayplan.db.database import Database
from bayplan.db.principal import Principal
from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.server.auth import accounts
from bayplan.server.auth.access import WORKERS_MAY
from bayplan.server.auth.tokens import TokenIssuer, Use

_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Authentication:
    """A principal, and the catalogue's version when its token was found to be good."""

    principal: Principal
    version: int
    expires: float  # seconds since 1970


class Authenticator:
    """Tokens to principals, over one database."""

    def __init__(self, db: Database, tokens: TokenIssuer) -> None:
        self._db, self._tokens = db, tokens
        self._kept: dict[str, Authentication] = {}

    async def authenticate(self, token: str) -> Authentication:
        """Gives whom an access token stands for; raises `Unauthenticated`."""
        kept = self._kept.get(token)
        if kept is not None and kept.expires > time.time() and kept.version == await self._db.version():
            return kept
        fresh = await self.check(token, "access")
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[token] = fresh
        return fresh

    async def check(self, token: str, *uses: Use) -> Authentication:
        """Reads whom a token stands for now; raises `Unauthenticated` unless it is good for one of the `uses`."""
        claims = self._tokens.read(token)
        if claims.use not in uses:
            raise Unauthenticated(f"This is a token for '{claims.use}': use the {' or '.join(uses)} token here.")
        account, version = await accounts.account_and_version(self._db, claims.subject, claims.pk)
        if account is None or account.token_epoch != claims.epoch:
            raise Unauthenticated("The token was revoked: log in again at /v1/auth/obtain.")
        if claims.subject == "worker":
            principal = Principal(worker=claims.pk, name=account.name)
        else:
            principal = Principal(user=claims.pk, is_staff=account.is_staff, name=account.name)
        return Authentication(principal, version, claims.expires)

    async def acting_node(self, principal: Principal, text: str) -> int:
        """Gives the node that the header `Node-Id` names; raises `Forbidden`, and `Malformed` where there is none."""
        if not principal.is_staff and principal.worker is None:
            raise Forbidden("Only staff may act for a node by 'Node-Id', and a worker for its own.")
        pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        node = await accounts.node(self._db, pk)
        if node is None:
            raise Malformed(f"The header 'Node-Id' names no node: '{text[:40]}'.", code="unknown_node")
        if principal.worker not in (None, node.worker):
            raise Forbidden(f"The node with pk {pk}, which 'Node-Id' names, is not this worker's.")
        return pk

    async def require_own_node(self, principal: Principal, pk: int) -> None:
        """Raises `Forbidden` for a worker where the node is another's; users pass, and so does a pk that no node has."""
        if principal.worker is None:
            return
        node = await accounts.node(self._db, pk)
        if node is not None and node.worker != principal.worker:
            raise Forbidden(f"The node with pk {pk} is not this worker's. {WORKERS_MAY}")
