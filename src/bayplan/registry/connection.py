"""One request to one host and its whole response: checked addresses, bounded sizes and times, retries.

Each host has connections of its own: that is what limits them by host, and what keeps one host's TLS session from
carrying another's requests where both are at one address. Connections go to the address that was checked; the
host's name goes along for TLS and in the Host header. Where a proxy leads to a host, it resolves the name, and TLS
goes through to the host itself. httpx2's transport is used without its client, which would follow redirects, keep
cookies, read proxies from the environment and log addresses with the signatures in them.
"""

import asyncio
import contextlib
import datetime
import logging
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2

from bayplan.registry.address import Address, AddressPolicy, Endpoint, resolve
from bayplan.registry.content_coding import decoded, too_large
from bayplan.registry.errors import (
    RegistryError,
    RegistryFailing,
    RegistryTimeout,
    RegistryUnreachable,
)
from bayplan.registry.retry import RETRIED_STATUSES, RetryPolicy, retry_after
from bayplan.registry.tls import refuse_tls, tls_context

_ERROR_BYTES = 64 * 1024  # of an error's body, read so that the connection can be used again
_ADDRESS_SECONDS = 60.0  # how long a checked address is used before the name is resolved again
_MOST_DIGITS = 20  # of a length that is announced
_HEAD_ATTEMPTS = 2
_ONE = httpx2.Limits(max_connections=1)
_HOSTS = 64  # with open connections at a time; idle ones beyond that are closed


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits for each host."""

    connections: int = 8
    connect_seconds: float = 10.0
    answer_seconds: float = 30.0
    """For one response, from the request to its last byte, also where bytes keep coming."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)


Take = Callable[[int, bytes], Awaitable[None]]
"""Takes a piece of a body, and where in the body it begins: a request that is sent again begins at 0 again."""


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A request without a body, and the most bytes of an answer that are read.

    HEAD has half the time and one more attempt, and none after a failure of the server: GET follows anyway. With `take` the body of a
    success is not kept but taken piece by piece, and the time is that for each piece.
    """

    method: str
    endpoint: Endpoint
    target: str
    headers: Mapping[str, str]
    limit_bytes: int
    take: Take | None = None


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    """A whole answer."""

    status: int
    headers: httpx2.Headers
    body: bytes


class _Broken(RegistryUnreachable):
    """The connection broke before the answer was complete; the request is retried."""


@dataclass(slots=True, eq=False)
class _Host:
    turns: asyncio.Semaphore
    tls: ssl.SSLContext
    proxy: httpx2.Proxy | None
    # Of one connection each, the last used at the end: a pool of httpx2 goes through all of its connections at each request.
    idle: list[httpx2.AsyncHTTPTransport] = field(default_factory=list)
    addresses: tuple[Address, ...] = ()
    resolved_until: float = 0.0
    resolving: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[httpx2.AsyncHTTPTransport]:
        """Gives a connection for one request; it is closed unless the request was answered."""
        transport = self.idle.pop() if self.idle else self._transport()
        try:
            yield transport
        except BaseException:
            await transport.aclose()
            raise
        self.idle.append(transport)

    def _transport(self) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=self.tls, trust_env=False, limits=_ONE, proxy=self.proxy)

    def prefer(self, address: Address) -> None:
        """Puts the address that answered first, so that its connection is used again and no request waits for a dead address."""
        if address in self.addresses:  # and still the host's
            self.addresses = (address, *(other for other in self.addresses if other != address))

    async def close(self) -> None:
        """Closes the idle connections."""
        while self.idle:
            await self.idle.pop().aclose()


class Connections:
    """The connections to all hosts; to be closed with `close`."""

    def __init__(
        self, access: AddressPolicy, limits: ConnectionLimits, ca: Path | None = None, proxy: str | None = None
    ) -> None:
        """`proxy` leads to the hosts of `AddressPolicy.goes_by_proxy`: `http://host:port`, with `user:password@` where it requires them."""
        self._access = access
        self._proxy = None if proxy is None else httpx2.Proxy(proxy)
        self._limits = limits
        self._tls = tls_context(ca)
        self._hosts: dict[Endpoint, _Host] = {}
        if (wire := logging.getLogger("httpcore2")).level == logging.NOTSET:
            wire.setLevel(logging.INFO)  # below that it logs whole headers, with the signatures of redirects in them

    async def close(self) -> None:
        """Closes all connections."""
        hosts, self._hosts = list(self._hosts.values()), {}
        for host in hosts:
            await host.close()

    async def send(self, request: RegistryRequest) -> RegistryResponse:
        """Gives the response to a request, which is sent again where that may help; redirects and errors are responses too.

        Raises RegistryNotAllowed, RegistryUnreachable, RegistryTimeout, RegistryFailing, ManifestTooLarge.
        """
        host = self._host(request.endpoint)
        host.requests += 1
        try:
            await self._close_idle()
            return await self._send_with_retries(host, request)
        finally:
            host.requests -= 1

    async def _send_with_retries(self, host: _Host, request: RegistryRequest) -> RegistryResponse:
        is_head, policy, attempt = request.method == "HEAD", self._limits.retry, 0
        if is_head:
            policy = replace(policy, attempts=min(policy.attempts, _HEAD_ATTEMPTS))
        while True:
            attempt += 1
            retry_after_seconds: float | None = None
            failure: RegistryError
            try:
                async with host.turns:
                    answer = await self._send_once(host, request)
                if answer.status not in RETRIED_STATUSES or (is_head and answer.status != 429):
                    return answer
                failure = _refused(request.endpoint, answer)
                retry_after_seconds = retry_after(
                    answer.headers.get("Retry-After"), datetime.datetime.now(datetime.UTC)
                )
            except _Broken as error:
                failure = error
            wait = policy.wait(attempt, retry_after_seconds, random.random())  # noqa: S311  # jitter, no secret
            if wait is None:
                raise failure
            await asyncio.sleep(wait)

    async def _send_once(self, host: _Host, request: RegistryRequest) -> RegistryResponse:
        where = request.endpoint.authority
        seconds = self._limits.answer_seconds / (2 if request.method == "HEAD" else 1)
        try:
            async with asyncio.timeout(seconds) as deadline, host.connection() as transport:
                if request.take is not None:
                    request = replace(request, take=_timed(request.take, deadline, seconds))
                if host.proxy is not None:
                    return await self._send_by_proxy(transport, request)
                return await self._send_to_addresses(host, transport, request)
        except (TimeoutError, httpx2.TimeoutException):
            raise RegistryTimeout(f"'{where}' took longer than {seconds:g} s. Try again later.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
            raise _Broken(
                f"The connection to '{where}' broke before its answer was complete. Try again later."
            ) from None

    async def _send_to_addresses(
        self, host: _Host, transport: httpx2.AsyncHTTPTransport, request: RegistryRequest
    ) -> RegistryResponse:
        endpoint = request.endpoint
        async with host.resolving:
            if time.monotonic() >= host.resolved_until:
                host.addresses = await resolve(endpoint, self._access)
                host.resolved_until = time.monotonic() + _ADDRESS_SECONDS
        for address in host.addresses:
            try:
                numeric = f"[{address}]" if address.version == 6 else str(address)
                answer = await self._send_to(transport, numeric, request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                refuse_tls(error, endpoint)
            else:
                host.prefer(address)
                return answer
        host.resolved_until = 0.0
        raise RegistryUnreachable(
            f"Nothing answers at '{endpoint.authority}'. Check the registry's name, its port and whether it is up."
        )

    async def _send_by_proxy(self, transport: httpx2.AsyncHTTPTransport, request: RegistryRequest) -> RegistryResponse:
        where = request.endpoint.authority
        try:
            return await self._send_to(transport, request.endpoint.host, request)
        except httpx2.ProxyError as error:
            raise RegistryUnreachable(
                f"The proxy in BAYPLAN_REGISTRY_PROXY does not connect to '{where}': it answers with status "
                f"{str(error)[:3]}. Ask the proxy's operators."
            ) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            refuse_tls(error, request.endpoint)
            raise RegistryUnreachable(
                f"'{where}' cannot be reached through the proxy in BAYPLAN_REGISTRY_PROXY: nothing answers there, or the "
                "connection broke. Check the setting, and whether the proxy is up."
            ) from None

    async def _send_to(
        self, transport: httpx2.AsyncHTTPTransport, name: str, request: RegistryRequest
    ) -> RegistryResponse:
        endpoint = request.endpoint
        http_request = httpx2.Request(
            request.method,
            f"{endpoint.scheme}://{name}:{endpoint.port}{request.target}",
            headers={
                "Host": endpoint.authority,
                "Accept-Encoding": "identity",
                "User-Agent": "bayplan",
                **request.headers,
            },
            extensions={
                "sni_hostname": endpoint.host,
                "timeout": {"connect": self._limits.connect_seconds, "read": self._limits.answer_seconds},
            },
        )
        response = await transport.handle_async_request(http_request)
        try:
            if request.method == "HEAD":
                body = await _no_body(response)
            elif request.take is not None and response.status_code < 300:
                body = await _passed_on(response, endpoint, request.limit_bytes, request.take)
            else:
                body = await _body(response, endpoint, request.limit_bytes)
        finally:
            await response.aclose()
        return RegistryResponse(response.status_code, response.headers, body)

    def _host(self, endpoint: Endpoint) -> _Host:
        if endpoint not in self._hosts:
            proxy = self._proxy if self._access.goes_by_proxy(endpoint) else None
            self._hosts[endpoint] = _Host(asyncio.Semaphore(self._limits.connections), self._tls, proxy)
        return self._hosts[endpoint]

    async def _close_idle(self) -> None:
        idle = [endpoint for endpoint, host in self._hosts.items() if not host.requests]
        surplus = [self._hosts.pop(endpoint) for endpoint in idle[: max(0, len(self._hosts) - _HOSTS)]]
        for host in surplus:
            await host.close()


async def _no_body(response: httpx2.Response) -> bytes:
    """Reads an answer without a body to its end; a connection with an unread answer would be closed."""
    async for _ in response.aiter_raw():
        pass
    return b""


def _timed(take: Take, deadline: asyncio.Timeout, seconds: float) -> Take:
    """Has each piece be in time: the next has so many seconds from when this one was taken."""

    async def timed(start: int, piece: bytes) -> None:
        deadline.reschedule(None)
        await take(start, piece)
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)

    return timed


async def _passed_on(response: httpx2.Response, endpoint: Endpoint, limit: int, take: Take) -> bytes:
    """Passes the body on, up to `limit` bytes."""
    size = 0
    async for piece in response.aiter_raw():
        if size + len(piece) > limit:
            raise too_large(endpoint, limit)
        await take(size, piece)
        size += len(piece)
    return b""


async def _body(response: httpx2.Response, endpoint: Endpoint, limit: int) -> bytes:
    """The body, up to `limit` bytes, without its content codings; of an error the beginning as it was sent."""
    failed = response.status_code >= 300
    limit = min(limit, _ERROR_BYTES) if failed else limit
    announced = response.headers.get("Content-Length", "")
    parts: list[bytes] = []
    size = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < _MOST_DIGITS else 0
    if size <= limit:
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > limit:
                break
            parts.append(part)
    if size > limit and not failed:
        raise too_large(endpoint, limit)
    if failed:
        return b"".join(parts)
    return decoded(b"".join(parts), response.headers.get("Content-Encoding", ""), limit, endpoint)


def _refused(endpoint: Endpoint, answer: RegistryResponse) -> RegistryFailing:
    if answer.status == 429:
        return RegistryFailing(
            f"'{endpoint.authority}' allows no more requests for now (429). Try again later, or add "
            "credentials for a higher limit."
        )
    return RegistryFailing(f"'{endpoint.authority}' fails with status {answer.status}. Try again later.")
