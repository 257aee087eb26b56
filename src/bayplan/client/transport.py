"""Authenticated requests to one server; its refusals are raised as `bayplan.errors`, and no other error.

httpx2 is imported when the first client is made: it takes longer to load than `bayplan --help` may take to answer.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from bayplan import __version__
from bayplan.client.notebook import drawn
from bayplan.client.responses import content_of
from bayplan.client.tokens import AccountCredentials, ServerAccount, Tokens, clean_token
from bayplan.errors import BayplanError, Invalid, Unauthenticated

if TYPE_CHECKING:
    import httpx2

Params = Mapping[str, str | int | bool | None]

_NOT_IN_ADDRESSES = re.compile(r"[\s\x00-\x1f\x7f]")


_REMEMBERED_AT_MOST = 8
_BOUNDS = frozenset(("since", "until"))


@dataclass(frozen=True, slots=True)
class _Answer:
    """The content of an answer, the parameters of the next page, and the ETag that they are good under."""

    etag: str
    content: Any
    following: Params | None


class Transport:
    """The HTTP connection to one server, with the authentication of its requests."""

    def __init__(
        self,
        server: str,
        account: ServerAccount,
        *,
        on_tokens: Callable[[Tokens], None] | None,
        timeout_seconds: float,
    ) -> None:
        from bayplan.client.authentication import TokenAuthentication
        from bayplan.client.http import http_client
        from bayplan.client.proxies import proxy_for

        self.server = server_address(server)
        self._timeout_seconds = timeout_seconds
        tokens = account.tokens
        if tokens.access is not None:
            tokens = Tokens(clean_token(tokens.access), tokens.refresh)
        keepers = [keep for keep in (account.on_tokens, on_tokens) if keep is not None]
        self._authentication = TokenAuthentication(self.server, tokens, account.credentials, keepers)
        self._refusal = account.refusal
        self._proxy = proxy_for(self.server)
        headers = {"User-Agent": f"bayplan/{__version__}", "Accept": "application/json"}
        self._http = http_client(self.server, self._proxy, headers, timeout_seconds)
        self._remembered: dict[str, _Answer] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Gives the JSON of the answer, None where there is none (204).

        Raises the error of `bayplan.errors` that a refusal stands for, and `Unreachable` where no bayplan answers.
        """
        question = f"{method} {path} {params} {body}"
        return self._answer(
            question, method, path, body, params=params, headers=headers, timeout_seconds=timeout_seconds
        )[0]

    def _answer(
        self,
        question: str,
        method: str,
        path: str,
        body: object,
        *,
        params: Params | None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[Any, Params | None]:
        """Gives the JSON of the answer, and the parameters of the next page; both from memory where they are still good."""
        kept = None if self._remembered is None else self._remembered.get(question)
        if kept is not None:
            headers = {**(headers or {}), "If-None-Match": kept.etag}
        response = self._send(method, path, body, params=params, headers=headers, timeout_seconds=timeout_seconds)
        if kept is not None and response.status_code == 304:
            return kept.content, kept.following
        link = response.links.get("next")
        following = None if link is None else _query(link["url"])
        content = drawn(self._content(response))
        etag = response.headers.get("ETag")
        if self._remembered is not None and etag is not None and (method == "GET" or path.endswith("/list")):
            self._remembered.pop(question, None)
            self._remembered[question] = _Answer(etag, content, following)
            while len(self._remembered) > _REMEMBERED_AT_MOST:
                del self._remembered[next(iter(self._remembered))]
        return content, following

    def remember_answers(self) -> None:
        """From now on sends the ETag of an answer that it has, and gives that one again where it is still good."""
        self._remembered = {}

    def request_if_changed(self, path: str, etag: str | None) -> tuple[Any, str | None] | None:
        """Gives the JSON of the answer and its ETag; None where `etag` is still that of the answer. Raises as `request` does."""
        response = self._send("GET", path, headers={} if etag is None else {"If-None-Match": etag})
        if response.status_code == 304:
            return None
        return self._content(response), response.headers.get("ETag")

    def request_page(self, path: str, params: Params, body: object = None) -> tuple[Any, Params | None]:
        """Gives a page of a list, and the parameters of the next one; None where there is none. `body` is its filter."""
        method = "GET" if body is None else "POST"
        return self._answer(f"{method} {path} {params} {body}", method, path, body, params=params)

    def request_log(self, path: str, params: Params, limit: int | None, page: int) -> Iterator[Any]:
        """Gives the entries of a log, newest first, `limit` of them, read by so many at once.

        The ETag of a log is that of its content alone. So a remembered page is good for later bounds of time too.
        """
        bounds = {name: value for name, value in params.items() if name in _BOUNDS}
        following: Params | None = params
        left = sys.maxsize if limit is None else limit
        while following is not None and left > 0:
            asked = {**following, **bounds, "limit": min(left, page)}
            question = f"GET {path} { {name: value for name, value in asked.items() if name not in _BOUNDS} }"
            entries, following = self._answer(question, "GET", path, None, params=asked)
            yield from entries
            left -= len(entries)
            following = following if entries else None

    def request_total(self, path: str, params: Params, body: object) -> int:
        """Gives the number of objects on all pages of a list; `body` is its filter, `params` has the limit of a page."""
        response = self._send("POST", path, body, params=params)
        page = self._content(response)
        total = response.headers.get("X-Total-Count", "")
        return int(total) if total.isascii() and total.isdigit() else len(page)

    def request_public(self, path: str) -> Any:
        """Gives the JSON of a public answer, without authentication. Raises as `request` does."""
        return content_of(self.server, self._send("GET", path, is_public=True))

    def log_in(self, credentials: AccountCredentials) -> Tokens:
        """Gives new tokens for a user's or a worker's credentials, and sends them from now on."""
        from bayplan.client.authentication import tokens_of

        response = self._send("POST", "/v1/auth/obtain", dict(credentials), is_public=True)
        tokens = self._authentication.keep(tokens_of(self.server, content_of(self.server, response)))
        self._refusal = None
        return tokens

    def _content(self, response: "httpx2.Response") -> Any:
        try:
            return content_of(self.server, response)
        except Unauthenticated as error:
            raise self._explained(error) from None

    def _explained(self, error: BayplanError) -> BayplanError:
        """The error with what the person is to do about it, where the account knows."""
        if self._refusal is None or not isinstance(error, Unauthenticated):
            return error
        return Unauthenticated(self._refusal(error.detail), code=error.code)

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        is_public: bool = False,
    ) -> "httpx2.Response":
        import httpx2

        from bayplan.client.failures import failure

        timeout = timeout_seconds or self._timeout_seconds
        content = None if body is None else _json(body)
        try:
            return self._http.request(
                method,
                path,
                content=content,
                params={name: value for name, value in (params or {}).items() if value is not None},
                headers={**({} if content is None else {"Content-Type": "application/json"}), **(headers or {})},
                auth=None if is_public else self._authentication,
                timeout=timeout,
            )
        except BayplanError as error:  # of a renewal of tokens
            raise self._explained(error) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as error:
            raise failure(error, self.server, self._proxy, timeout) from None


def _json(body: object) -> bytes:
    """The body as JSON. Raises `Invalid` for a number or a text that JSON does not have."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeError:
        raise Invalid("A text of this request is no Unicode; write it in UTF-8.") from None
    except ValueError:
        raise Invalid("A number of this request is infinite or none (NaN), which JSON does not have.") from None
    except RecursionError:
        raise Invalid("This request is nested too deep.") from None


def _query(url: str) -> dict[str, str] | None:
    try:
        return dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return None


def server_address(text: str) -> str:
    """The server's address as it is kept and compared: with a scheme, without a slash at the end.

    Raises `Invalid` where the text is none.
    """
    address = text.strip() if "://" in text else f"http://{text.strip()}"
    address = address.rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        (parts.hostname or "").rstrip(".").encode("idna")
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or _NOT_IN_ADDRESSES.search(address):
        detail = f"{text!r} is no server's address; write it like http://127.0.0.1:8000."
        raise Invalid.at("server", "invalid", detail)
    return address
