"""The principal of a token, read once for each version of the catalogue: deactivation and revocation move that version."""

from dataclasses import dataclass

from bayplan.db.as_of import AsOf, emptied_by_writes
from bayplan.db.database import Database
from bayplan.db.principal import Principal
from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.server.auth import accounts
from bayplan.server.auth.access import WORKERS_MAY
from bayplan.server.auth.tokens import TokenClaims, TokenIssuer, Use

_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Authentication:
    """A principal, and the catalogue's version at which its token was checked."""

    principal: Principal
    version: int
    expires: float  # seconds since 1970


class Authenticator:
    """Tokens to principals, over one database."""

    def __init__(self, db: Database, tokens: TokenIssuer) -> None:
        self._db, self._tokens = db, tokens
        self._kept: AsOf[dict[str, Authentication]] = emptied_by_writes(db)
        # A signature stays valid: it is checked once, and the account at each version of the catalogue.
        self._claims: dict[str, TokenClaims] = {}

    async def authenticate(self, token: str) -> Authentication:
        """Gives the principal of an access token; raises `Unauthenticated`."""
        version = await self._db.version()
        kept = await self._kept.at(version)
        cached = kept.get(token)
        if cached is not None and cached.expires > self._tokens.clock().timestamp() and cached.version == version:
            return cached
        fresh = await self.check(token, "access")
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[token] = fresh
        return fresh

    async def check(self, token: str, *uses: Use) -> Authentication:
        """Gives the principal of a token by the database; raises `Unauthenticated` unless the token is valid for one of the `uses`."""
        claims = self._read(token)
        if claims.use not in uses:
            raise Unauthenticated(f"This is a token for '{claims.use}': use the {' or '.join(uses)} token here.")
        account, version = await accounts.account_and_version(self._db, claims.subject, claims.pk)
        if account is None or account.token_epoch != claims.epoch:
            raise Unauthenticated("The token was revoked: log in again at /v1/auth/obtain.")
        if claims.subject == "worker":
            principal = Principal(worker=claims.pk, name=account.name, epoch=claims.epoch, as_of=version)
        else:
            principal = Principal(
                user=claims.pk, is_staff=account.is_staff, name=account.name, epoch=claims.epoch, as_of=version
            )
        return Authentication(principal, version, claims.expires)

    def _read(self, token: str) -> TokenClaims:
        claims = self._claims.get(token)
        if claims is None or claims.expires <= self._tokens.clock().timestamp():
            claims = self._tokens.read(token)
            if len(self._claims) >= _MOST_KEPT:
                self._claims.clear()
            self._claims[token] = claims
        return claims

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
