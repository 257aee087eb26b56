"""Tokens of requests and of sessions: signed JWTs that name a user or a worker, and an epoch, whose change ends earlier ones."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import jwt

from bayplan.clock import Clock, utc_now
from bayplan.errors import Unauthenticated

Subject = Literal["user", "worker"]
Use = Literal["access", "refresh", "page"]
"""What a token is good for: requests, further access tokens, or the pages in a browser, and nothing else."""
_ALGORITHM = "HS256"
MOST_SKEW_SECONDS = 60
"""How far the clock of a server process that made a token may be ahead of this one's. The end of a token has no such margin."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a token, once its signature and its time have been checked."""

    subject: Subject
    pk: int
    epoch: int
    use: Use
    expires: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Issues and reads tokens with a key; other processes with the same key read them too."""

    key: str
    access: timedelta
    refresh: timedelta
    clock: Clock = utc_now

    def make(self, subject: Subject, pk: int, epoch: int, use: Use) -> str:
        """Gives a new token."""
        now = self.clock()
        lifetime = self.access if use == "access" else self.refresh
        claims = {"sub": f"{subject}:{pk}", "epoch": epoch, "use": use, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

    def read(self, token: str) -> TokenClaims:
        """Gives the claims of a token; raises `Unauthenticated` where its signature is another's, or it has expired."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[_ALGORITHM],
                # The times are compared below, with the clock of this server.
                options={
                    "require": ["sub", "exp", "epoch", "use"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            now = self.clock().timestamp()
            if claims["exp"] <= now:
                raise jwt.ExpiredSignatureError
            if max(claims.get("iat", 0), claims.get("nbf", 0)) > now + MOST_SKEW_SECONDS:
                raise jwt.ImmatureSignatureError
            subject, pk = str(claims["sub"]).split(":")
            return TokenClaims(subject, int(pk), claims["epoch"], claims["use"], claims["exp"])  # type: ignore[arg-type]  # ours: it is signed
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(
                "The token has expired: get a new one at /v1/auth/refresh or /v1/auth/obtain."
            ) from None
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise Unauthenticated("The token is not valid: log in again at /v1/auth/obtain.") from None
