"""Authenticated requests to one server; its refusals are raised as `bayplan.errors`.

httpx2 is imported when the first client is made: it takes longer to load than `bayplan --help` may take to answer.
"""

import ssl
from collections.abc import Callable, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from bayplan import __version__
from bayplan.client.responses import content_of
from bayplan.client.tokens import AccountCredentials, Tokens
from bayplan.errors import Invalid, Unreachable

if TYPE_CHECKING:
    import httpx2

Params = Mapping[str, str | int | bool | None]


class Transport:
    """The HTTP connection to one server, with the authentication of its requests."""

    def __init__(
        self,
        server: str,
        *,
        tokens: Tokens,
        credentials: AccountCredentials | None,
        on_tokens: Callable[[Tokens], None] | None,
        timeout_seconds: float,
    ) -> None:
        import httpx2

        from bayplan.client.authentication import TokenAuthentication

        self.server = server_address(server)
        self._timeout_seconds = timeout_seconds
        self._authentication = TokenAuthentication(self.server, tokens, credentials, on_tokens)
        self._http = httpx2.Client(
            base_url=self.server,
            auth=self._authentication,
            verify=_authorities() if self.server.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=timeout_seconds,
            headers={"User-Agent": f"bayplan/{__version__}", "Accept": "application/json"},
        )

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
        return content_of(
            self.server,
            self._send(method, path, body, params=params, headers=headers, timeout_seconds=timeout_seconds),
        )

    def request_if_changed(self, path: str, etag: str | None) -> tuple[Any, str | None] | None:
        """Gives the JSON of the answer and its ETag; None where `etag` is still that of the answer. Raises as `request` does."""
        response = self._send("GET", path, headers={} if etag is None else {"If-None-Match": etag})
        if response.status_code == 304:
            return None
        return content_of(self.server, response), response.headers.get("ETag")

    def request_page(self, path: str, params: Params) -> tuple[Any, dict[str, str] | None]:
        """Gives a page of a list, and the parameters of the next one; None where there is none."""
        response = self._send("GET", path, params=params)
        link = response.links.get("next")
        return content_of(self.server, response), None if link is None else dict(parse_qsl(urlsplit(link["url"]).query))

    def log_in(self, credentials: AccountCredentials) -> Tokens:
        """Gives new tokens for a user's or a worker's credentials, and sends them from now on."""
        from bayplan.client.authentication import tokens_of

        response = self._send("POST", "/v1/auth/obtain", dict(credentials), is_public=True)
        return self._authentication.keep(tokens_of(content_of(self.server, response)))

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

        timeout = timeout_seconds or self._timeout_seconds
        query = {name: value for name, value in (params or {}).items() if value is not None}
        auth = None if is_public else self._authentication
        try:
            return self._http.request(
                method, path, json=body, params=query, headers=headers, auth=auth, timeout=timeout
            )
        except httpx2.TimeoutException:
            raise Unreachable(
                f"{self.server} did not answer within {timeout:g} seconds; try again, or look at the server's log."
            ) from None
        except httpx2.ConnectError as error:
            raise Unreachable(self._why_not_connected(error)) from None
        except httpx2.HTTPError as error:
            raise Unreachable(f"The connection to {self.server} broke ({error}); try again.") from None

    def _why_not_connected(self, error: BaseException) -> str:
        cause: BaseException | None = error
        why = str(error)
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return f"No secure connection to {self.server} ({error}); check the address and the certificate."
            if isinstance(cause, OSError) and cause.strerror:
                why = cause.strerror
            cause = cause.__cause__ or cause.__context__
        return f"No server answers at {self.server} ({why}); start it with `bayplan serve`, or check the address."


@cache
def _authorities() -> ssl.SSLContext:
    """The authorities for servers' certificates: loaded once for the process, since each copy takes megabytes."""
    import httpx2

    return httpx2.create_ssl_context()


def server_address(text: str) -> str:
    """The server's address as it is kept and compared: with a scheme, without a slash at the end.

    Raises `Invalid` where the text is none.
    """
    address = text.strip() if "://" in text else f"http://{text.strip()}"
    address = address.rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or " " in address:
        detail = f"{text!r} is no server's address; write it like http://127.0.0.1:8000."
        raise Invalid.at("server", "invalid", detail)
    return address
