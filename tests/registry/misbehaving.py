"""Registries that misbehave: small real HTTP servers, each answering as the test says."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.registry.running import CONFIG_OF, OCI_INDEX, OCI_MANIFEST, configuration, digest_of


@dataclass
class Asked:
    """One request, and the way to answer it."""

    method: str
    target: str
    headers: Mapping[str, str]
    writer: asyncio.StreamWriter

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; header names with `_` for `-`."""
        lines = {"Content-Length": str(len(body))} | {name.replace("_", "-"): text for name, text in headers.items()}
        self.begin(status, lines)
        self.writer.write(b"" if self.method == "HEAD" else body)
        await self.writer.drain()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The status line and the headers."""
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{text}\r\n".encode())


Handler = Callable[[Asked], Awaitable[None]]


@dataclass
class Server:
    """A running server and what it was asked."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0

    @property
    def host(self) -> str:
        """Its name in references."""
        return f"127.0.0.1:{self.port}"

    def sent_credentials(self) -> list[str]:
        """Every Authorization header that reached it."""
        return [asked.headers["authorization"] for asked in self.asked if "authorization" in asked.headers]


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server on a free port of 127.0.0.1 for as long as the block lasts."""
    state = Server()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            while start := await reader.read(1):
                if start == b"\x16":  # the client speaks TLS: answered as any HTTP server does
                    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                    break
                head = start + await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                method, target, _ = first.split(" ")
                pairs = (line.partition(": ") for line in lines if line)
                asked = Asked(method, target, {name.lower(): value for name, _, value in pairs}, writer)
                state.asked.append(asked)
                await handler(asked)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            pass  # the client hung up
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@dataclass
class Store:
    """The content of an honest registry: documents by path, to be spoiled by a test."""

    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def image(self, tag: str, **config: Any) -> bytes:
        """Adds an image under a tag and its digest; gives its manifest."""
        configured = json.dumps(configuration(**config)).encode()
        described = {"mediaType": CONFIG_OF[OCI_MANIFEST], "digest": digest_of(configured), "size": len(configured)}
        self.documents[f"/v2/ml/x/blobs/{described['digest']}"] = ("application/octet-stream", configured)
        return self.manifest(tag, {"mediaType": OCI_MANIFEST, "config": described, "layers": []})

    def index(self, tag: str, *manifests: bytes) -> bytes:
        """Adds an index of manifests."""
        entries = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest_of(body),
                "size": len(body),
                "platform": {"os": "linux", "architecture": f"a{place}"},
            }
            for place, body in enumerate(manifests)
        ]
        return self.manifest(tag, {"mediaType": OCI_INDEX, "manifests": entries})

    def manifest(self, tag: str, document: Mapping[str, Any]) -> bytes:
        """Adds any document under a tag and its digest."""
        body = json.dumps({"schemaVersion": 2, **document}).encode()
        for name in (tag, digest_of(body)):
            self.documents[f"/v2/ml/x/manifests/{name}"] = (document["mediaType"], body)
        return body

    def with_odd_key(self, tag: str, key: str) -> bytes:
        """Adds a manifest that is wrong at a key of the sender's choosing."""
        config = {"mediaType": CONFIG_OF[OCI_MANIFEST], "digest": f"sha256:{'0' * 64}", "size": 1}
        return self.manifest(tag, {"mediaType": OCI_MANIFEST, "config": config, "layers": [], "annotations": {key: 1}})

    async def answer(self, asked: Asked) -> None:
        """Answers as a registry does."""
        media_type, body = self.documents.get(asked.target, ("", b""))
        if asked.target == "/v2/":
            await asked.answer(200, b"{}", Content_Type="application/json")
        elif not media_type:
            await asked.answer(404)
        else:
            await asked.answer(200, body, Content_Type=media_type)
