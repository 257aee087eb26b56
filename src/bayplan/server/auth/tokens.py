"""Access and refresh tokens: signed JWTs that name a user or a worker, and an epoch, whose change ends all earlier tokens."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt

from bayplan.errors import Unauthenticated

Subject = Literal["user", "worker"]
Use = Literal["access", "refresh"]
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

    def make(self, subject: Subject, pk: int, epoch: int, use: Use) -> str:
        """Gives a new token."""
        now = datetime.now(UTC)
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
                options={"require": ["sub", "exp", "epoch", "use"]},
                leeway=MOST_SKEW_SECONDS,
            )
            if claims["exp"] <= time.time():
                raise jwt.ExpiredSignatureError
            subject, pk = str(claims["sub"]).split(":")
            return TokenClaims(subject, int(pk), claims["epoch"], claims["use"], claims["exp"])  # type: ignore[arg-type]  # ours: it is signed
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(
                "The token has expired: get a new one at /v1/auth/refresh or /v1/auth/obtain."
            ) from None
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated("The token is not valid: log in again at /v1/auth/obtain.") from None
