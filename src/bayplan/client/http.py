"""Makes the HTTP client of a server: the one place for its proxy, its certificates and the limit of its answers.

It takes nothing else from the environment. httpx2 is imported here, so this module is imported when the first client is made.
"""

import ssl
from collections.abc import Mapping

import httpx2

from bayplan.client import certificates
from bayplan.client.proxies import ServerProxy
from bayplan.errors import CannotStart, Invalid, Unreachable

MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Several times what the largest catalogue takes: a compressed answer can be a thousand times longer than what was sent."""


def http_client(
    server: str, proxy: ServerProxy | None, headers: Mapping[str, str], timeout_seconds: float
) -> httpx2.Client:
    """Gives the client; raises `CannotStart` and `Invalid` where the environment or the address do not permit one."""
    plain = server.startswith("http:")
    transport = httpx2.HTTPTransport(
        # A context that is never used costs nothing; authorities take megabytes.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else certificates.authorities(),
        trust_env=False,
        proxy=None if proxy is None else _proxy(proxy),
    )
    try:
        return httpx2.Client(
            base_url=server,
            transport=BoundedTransport(transport, server),
            timeout=timeout_seconds,
            headers=headers,
            trust_env=False,
        )
    except (httpx2.InvalidURL, ValueError):
        detail = f"{server!r} is no server's address; write it like http://127.0.0.1:8000."
        raise Invalid.at("server", "invalid", detail) from None


def _proxy(proxy: ServerProxy) -> httpx2.Proxy:
    try:
        context = certificates.authorities() if proxy.url.lower().startswith("https:") else None
        return httpx2.Proxy(proxy.url, ssl_context=context)
    except (httpx2.InvalidURL, ValueError):
        raise CannotStart(
            f"{proxy.variable} holds no proxy's address; name one there like http://proxy.example.org:3128."
        ) from None


class BoundedTransport(httpx2.BaseTransport):
    """A transport that reads and decompresses each answer at once, up to so many bytes."""

    def __init__(self, transport: httpx2.BaseTransport, server: str, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._transport = transport
        self._server = server
        self._max_answer_bytes = max_answer_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Gives the whole answer; raises `Unreachable` where it has more bytes."""
        response = self._transport.handle_request(request)
        body = bytearray()
        try:
            for part in response.iter_bytes():
                body += part
                if len(body) > self._max_answer_bytes:
                    limit = f"{self._max_answer_bytes // 1024 // 1024} MiB"
                    detail = (
                        f"{self._server} does not answer as bayplan does (with more than {limit}); check the address."
                    )
                    raise Unreachable(detail)
        finally:
            response.close()
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
        ]
        return httpx2.Response(
            response.status_code, headers=headers, content=bytes(body), extensions=response.extensions
        )

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()
