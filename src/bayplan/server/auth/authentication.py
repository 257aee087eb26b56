"""The principal of a token, a session's or a program's, read once for each version of the catalogue, which revocation moves."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from bayplan.db.as_of import AsOf, emptied_by_writes
from bayplan.db.database import Database
from bayplan.db.principal import Principal
from bayplan.errors import Forbidden, Malformed, Unauthenticated
from bayplan.schemas.tokens import SCOPES, STAFF_SCOPES
from bayplan.server.auth import accounts, api_tokens
from bayplan.server.auth.access import WORKERS_MAY, Access
from bayplan.server.auth.password_queue import RefusalPace
from bayplan.server.auth.token_uses import TokenUses
from bayplan.server.auth.tokens import TokenClaims, TokenIssuer, Use

_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Authentication:
    """A principal, and the catalogue's version at which its token was checked."""

    principal: Principal
    version: int
    expires: float  # seconds since 1970
    scopes: frozenset[str] = frozenset()
    """What a token of a program is good for."""
    reader: Principal | None = None
    """The owner of such a token without the rights of staff, which each route gives back that takes a scope of staff."""

    def principal_for(self, access: Access) -> Principal:
        """Gives the principal as a route lets it act; raises `Forbidden` where its token is not good for that."""
        if self.reader is None:
            return self.principal
        if access.scope not in self.scopes:
            _refuse(access, self.scopes)
        return self.principal if access.scope in STAFF_SCOPES else self.reader


def _refuse(access: Access, scopes: frozenset[str]) -> NoReturn:
    if access.scope is None:
        raise Forbidden(
            "A token for programs cannot do this. Log in with a user name and a password.", code="not_by_token"
        )
    has = ", ".join(scope for scope in SCOPES if scope in scopes)
    raise Forbidden(
        f"This needs a token with the scope '{access.scope}', and this token has {has}: make another at /v1/tokens/create.",
        code="missing_scope",
    )


class Authenticator:
    """Tokens to principals, over one database."""

    def __init__(self, db: Database, tokens: TokenIssuer) -> None:
        self._db, self._tokens = db, tokens
        self._uses, self._refusals = TokenUses(db), RefusalPace()
        self._kept: AsOf[dict[tuple[Use, str], Authentication]] = emptied_by_writes(db)
        # A signature stays valid: it is checked once, and the account at each version of the catalogue.
        self._claims: dict[str, TokenClaims] = {}

    async def authenticate(self, token: str, use: Use = "access") -> Authentication:
        """Gives the principal of an access token, a token of a program or, to use as that, a page's; raises `Unauthenticated`."""
        version = await self._db.version()
        kept = await self._kept.at(version)
        cached = kept.get((use, token))
        second = self._tokens.clock().timestamp()
        if cached is not None and cached.expires > second and cached.version == version:
            if cached.principal.token is not None:
                self._uses.note(cached.principal.token, second)
            return cached
        fresh = await self.check(token, use)
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[use, token] = fresh
        if fresh.principal.token is not None:
            self._uses.note(fresh.principal.token, second)
        return fresh

    async def close(self) -> None:
        """Waits a moment for the last uses of tokens that are being written."""
        await self._uses.close()

    async def check(self, token: str, *uses: Use) -> Authentication:
        """Gives the principal of a token by the database; raises `Unauthenticated` unless the token is valid for one of the `uses`."""
        if api_tokens.is_api_token(token) and "access" in uses:
            return await self._of_program(token)
        claims = self._read(token)
        if claims.use not in uses:
            raise Unauthenticated(f"This is the {claims.use} token: use the {' or '.join(uses)} token here.")
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

    async def _of_program(self, token: str) -> Authentication:
        stored, version = None, 0
        if api_tokens.is_well_formed(token):
            stored, version = await api_tokens.token_and_version(self._db, token)
        expires = 0.0 if stored is None else datetime.fromisoformat(stored.expires).timestamp()
        if stored is None:
            reason = "There is no such token: make another at /v1/tokens/create."
        elif stored.revoked is not None:
            reason = "The token was revoked: make another at /v1/tokens/create."
        elif expires <= self._tokens.clock().timestamp():
            reason = "The token has expired: make another at /v1/tokens/create."
        elif not stored.is_active:
            reason = "The user of this token was deactivated. Log in as another user."
        else:
            principal = Principal(
                user=stored.owner,
                is_staff=stored.is_staff,
                name=stored.username,
                token=stored.pk,
                epoch=stored.epoch,
                as_of=version,
            )
            reader = replace(principal, is_staff=False)
            return Authentication(principal, version, expires, stored.scopes, reader)
        await self._refusals.wait()
        raise Unauthenticated(reason)

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
            raise Forbidden("Only staff may send 'Node-Id', and a worker for its own nodes. Leave it out.")
        pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        node = await accounts.node(self._db, pk)
        if node is None:
            raise Malformed(f"The header 'Node-Id' must be the pk of a node, not '{text[:40]}'.", code="unknown_node")
        if principal.worker not in (None, node.worker):
            raise Forbidden(f"The node with pk {pk}, which 'Node-Id' names, is not a node of this worker.")
        return pk

    async def require_own_node(self, principal: Principal, pk: int) -> None:
        """Raises `Forbidden` for a worker where the node is another's; users pass, and so does a pk that no node has."""
        if principal.worker is None:
            return
        node = await accounts.node(self._db, pk)
        if node is not None and node.worker != principal.worker:
            raise Forbidden(f"The node with pk {pk} is not a node of this worker. {WORKERS_MAY}")
