"""Asks one server and understands its answers: credentials, one renewal on a 401, and refusals as `bayplan.errors`.

httpx is imported when the first client is made: it takes longer to load than `bayplan --help` may take to answer.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from bayplan import __version__
from bayplan.errors import (
    BayplanError,
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    Problem,
    TooLarge,
    TooManyAttempts,
    Unauthenticated,
    Unreachable,
)

if TYPE_CHECKING:
    import httpx

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
REFUSALS: dict[int, type[BayplanError]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: Invalid,
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in gave: `access` goes with every request for some minutes, `refresh` gets a new one for some days."""

    access: str | None = None
    refresh: str | None = None


Login = Mapping[str, str]
"""What `/v1/auth/obtain` takes: `username` and `password`, or `worker` and `secret`."""


class Transport:
    """One server, and whatever is at hand to be let in."""

    def __init__(
        self,
        server: str,
        *,
        tokens: Tokens,
        login: Login | None,
        on_tokens: Callable[[Tokens], None] | None,
        timeout_seconds: float,
    ) -> None:
        import httpx

        self.server = server_address(server)
        self._tokens = tokens
        self._login = login
        self._on_tokens = on_tokens
        self._timeout_seconds = timeout_seconds
        self._http = httpx.Client(
            base_url=self.server,
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

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str | int | bool | None] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Gives the JSON that the server answers, None where there is none (204).

        Raises what `bayplan.errors` has for the refusal, and `Unreachable` where nobody, or somebody else, answers.
        """
        return self._content(self._answered(method, path, body, params, headers, timeout_seconds))

    def ask_anew(self, path: str, tag: str | None) -> tuple[Any, str | None] | None:
        """Gives the JSON that the server answers and its ETag; None where `tag` is still that of the answer. Raises as `ask` does."""
        response = self._answered("GET", path, None, None, {} if tag is None else {"If-None-Match": tag}, None)
        if response.status_code == 304:
            return None
        return self._content(response), response.headers.get("ETag")

    def _answered(
        self,
        method: str,
        path: str,
        body: object,
        params: Mapping[str, str | int | bool | None] | None,
        headers: Mapping[str, str] | None,
        timeout_seconds: float | None,
    ) -> "httpx.Response":
        send = partial(self._send, method, path, body, params=params, headers=headers, timeout_seconds=timeout_seconds)
        if self._tokens.access is None:
            self._renew()
        response = send()
        if response.status_code == 401 and self._renew():
            response = send()
        return response

    def log_in(self, login: Login) -> Tokens:
        """Gives new tokens for a log-in, and goes on with them."""
        answer = self._content(self._send("POST", "/v1/auth/obtain", login, anonymous=True))
        return self._keep(Tokens(access=answer["access"], refresh=answer["refresh"]))

    def _renew(self) -> bool:
        """Gets a new access token, by the refresh token or the log-in; False where there is nothing to get it with."""
        if self._tokens.refresh is not None:
            body = {"refresh": self._tokens.refresh}
            response = self._send("POST", "/v1/auth/refresh", body, anonymous=True)
            if response.status_code != 401:
                self._keep(Tokens(access=self._content(response)["access"], refresh=self._tokens.refresh))
                return True
        if self._login is None:
            return False
        self.log_in(self._login)
        return True

    def _keep(self, tokens: Tokens) -> Tokens:
        self._tokens = tokens
        if self._on_tokens is not None:
            self._on_tokens(tokens)
        return tokens

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str | int | bool | None] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        anonymous: bool = False,
    ) -> "httpx.Response":
        import httpx

        sent = dict(headers or {})
        if self._tokens.access is not None and not anonymous:
            sent["Authorization"] = f"Bearer {self._tokens.access}"
        timeout = timeout_seconds or self._timeout_seconds
        given = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            return self._http.request(method, path, json=body, params=given, headers=sent, timeout=timeout)
        except httpx.TimeoutException:
            raise Unreachable(
                f"{self.server} did not answer within {timeout:g} seconds; try again, or look at the server's log."
            ) from None
        except httpx.ConnectError as error:
            raise Unreachable(self._why_not_connected(error)) from None
        except httpx.HTTPError as error:
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

    def _content(self, response: "httpx.Response") -> Any:
        if response.status_code == 204:
            return None
        answer: Any = None
        if "json" in response.headers.get("Content-Type", ""):
            try:
                answer = response.json()
            except ValueError:
                answer = None
        if response.is_success and answer is not None:
            return answer
        if isinstance(answer, dict) and isinstance(answer.get("detail"), str) and "code" in answer:
            raise refusal(response.status_code, answer, response.headers.get("Retry-After"))
        moved = response.headers.get("Location")
        instead = f" and sends on to {moved}" if moved else ""
        status = f"status {response.status_code}{instead}"
        raise Unreachable(f"{self.server} does not answer as bayplan does ({status}); check the address.")


@cache
def _authorities() -> ssl.SSLContext:
    """What servers' certificates are checked with: once for the process, since each takes megabytes, and none for plain HTTP."""
    import httpx

    return httpx.create_ssl_context()


def refusal(status: int, problem: Mapping[str, Any], retry_after: str | None = None) -> BayplanError:
    """The error that an answer of type application/problem+json stands for."""
    detail, code = str(problem["detail"]), str(problem["code"])
    if status == 429:
        seconds = int(retry_after) if retry_after is not None and _SECONDS.fullmatch(retry_after) else 60
        return TooManyAttempts(detail, retry_after_seconds=seconds)
    problems = [
        Problem(str(one.get("field", "")), str(one.get("code", "")), str(one.get("detail", "")))
        for one in problem.get("errors") or ()
    ]
    return REFUSALS.get(status, Unreachable)(detail, code=code, problems=problems)


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
