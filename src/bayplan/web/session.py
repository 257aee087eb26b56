"""The session of a browser: its cookie, the token of its forms, and whether a request comes from a page of this server."""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bayplan.errors import Forbidden
from bayplan.server.auth.tokens import TokenIssuer

COOKIE = "bayplan_session"
FORM_TOKEN = "form_token"  # noqa: S105  # the name of a field
_FORGED = (
    "This form was not sent from a page of this server, or its page is older than your session: open the page again."
)
_FROM_ELSEWHERE = (
    "This form was not sent from a page of this server. If it was, a reverse proxy changes the header Host: let it pass "
    "Host on as it comes."
)


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Sets a cookie that no script reads and no page elsewhere sends with a form; behind TLS it stays there."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )


def remove_cookie(request: Request, response: Response, name: str) -> None:
    """Removes a cookie."""
    response.delete_cookie(name, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax")


def form_token(tokens: TokenIssuer, session: str) -> str:
    """Gives the token that every form of a session sends: who cannot read the session's pages cannot know it."""
    return hmac.new(tokens.key.encode(), f"form:{session}".encode(), hashlib.sha256).hexdigest()


def refuse_other_origins(request: Request) -> None:
    """Raises `Forbidden` for a form that a browser sends from a page of another server."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:  # a browser sets it, and no page can
        if site not in ("same-origin", "none"):
            raise Forbidden(_FORGED, code="forged")
    # Over plain HTTP it is sent to this machine alone.
    elif origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(_FROM_ELSEWHERE, code="forged")


def refuse_forged(tokens: TokenIssuer, session: str, sent: str) -> None:
    """Raises `Forbidden` for a form without the token of its session."""
    if not hmac.compare_digest(form_token(tokens, session).encode(), sent.encode()):
        raise Forbidden(_FORGED, code="forged")


def own_path(text: str) -> str:
    """Gives the path on this server that a text names, `/` for any other text."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if is_own and "\\" not in text and " " not in text else "/"
