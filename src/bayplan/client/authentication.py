"""The authentication of requests: each has an access token, and a new one when the server refuses the old.

httpx2 is imported here, so this module is imported when the first client is made.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import httpx2

from bayplan.client.responses import content_of
from bayplan.client.tokens import AccountCredentials, Tokens, clean_token
from bayplan.errors import Invalid, Unreachable

Flow = Generator[httpx2.Request, httpx2.Response, Any]


class TokenAuthentication(httpx2.Auth):
    """The authentication of each request by an access token.

    Without a token, and after a 401, it first gets one: by the refresh token, or else by the credentials.
    Raises as `content_of` does where the server refuses that.
    """

    def __init__(
        self,
        server: str,
        tokens: Tokens,
        credentials: AccountCredentials | None,
        on_tokens: Sequence[Callable[[Tokens], None]],
    ) -> None:
        self._server = server
        self._tokens = tokens
        self._credentials = credentials
        self._on_tokens = on_tokens

    def sync_auth_flow(self, request: httpx2.Request) -> Flow:
        """Sends the request with a token, and once more with a new token where the server refuses the first."""
        if self._tokens.access is None:
            yield from self._renew(request)
        response = yield self._authorized(request)
        if response.status_code == 401 and (yield from self._renew(request)):
            yield self._authorized(request)

    def keep(self, tokens: Tokens) -> Tokens:
        """Sends these tokens from now on, and gives them to each of `on_tokens`."""
        self._tokens = tokens
        for keep in self._on_tokens:
            keep(tokens)
        return tokens

    def _renew(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, bool]:
        """Gets a new access token; gives False where neither the refresh token is good nor credentials are there."""
        if self._tokens.refresh is not None:
            response = yield self._post(request, "/v1/auth/refresh", {"refresh": self._tokens.refresh})
            response.read()
            if response.status_code != 401:
                answer = content_of(self._server, response)
                self.keep(Tokens(token_of(self._server, answer, "access"), self._tokens.refresh))
                return True
        if self._credentials is None:
            return False
        response = yield self._post(request, "/v1/auth/obtain", self._credentials)
        response.read()
        self.keep(tokens_of(self._server, content_of(self._server, response)))
        return True

    def _authorized(self, request: httpx2.Request) -> httpx2.Request:
        if self._tokens.access is not None:
            request.headers["Authorization"] = f"Bearer {self._tokens.access}"
        return request

    def _post(self, request: httpx2.Request, path: str, body: AccountCredentials) -> httpx2.Request:
        """Gives a request for tokens, with the timeouts of the request that needs them."""
        headers = {name: request.headers[name] for name in ("User-Agent", "Accept") if name in request.headers}
        return httpx2.Request(
            "POST", self._server + path, json=dict(body), headers=headers, extensions=dict(request.extensions)
        )


def tokens_of(server: str, answer: Any) -> Tokens:
    """Gives the tokens in an answer of `/v1/auth/obtain`. Raises `Unreachable` where it has none."""
    return Tokens(access=token_of(server, answer, "access"), refresh=token_of(server, answer, "refresh"))


def token_of(server: str, answer: Any, name: str) -> str:
    """Gives one token in an answer. Raises `Unreachable` where it is not there."""
    token = answer.get(name) if isinstance(answer, dict) else None
    try:
        return clean_token(token if isinstance(token, str) else "")
    except Invalid:
        raise Unreachable(f"{server} does not answer as bayplan does (without tokens); check the address.") from None
