"""A small real HTTP proxy that leads by CONNECT and by nothing else, and remembers all that it sees."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """A running proxy. Whatever name it is asked to lead to, it leads to that port of this machine."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The first lines of requests."""
    seen: bytearray = field(default_factory=bytearray)
    """Everything that went through, in both directions."""

    @property
    def url(self) -> str:
        """As the setting has it, without credentials."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def proxying(*, credentials: str | None = None, status: int = 200) -> AsyncIterator[Proxy]:
    """A proxy for as long as the block lasts, which may ask for credentials ("user:password") or refuse everything."""
    proxy = Proxy()
    expected = None if credentials is None else f"Basic {base64.b64encode(credentials.encode()).decode()}"
    connections: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            proxy.seen += part
            writer.write(part)
            await writer.drain()
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.seen += head
        first, *lines = head.decode().split("\r\n")
        proxy.asked.append(first)
        method, target, _ = first.split(" ")
        answer = (
            501
            if method != "CONNECT"
            else 407
            if expected and f"Proxy-Authorization: {expected}" not in lines
            else status
        )
        writer.write(f"HTTP/1.1 {answer} X\r\n\r\n".encode())
        if answer == 200:
            back, forth = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
            with contextlib.closing(forth):
                await asyncio.gather(pipe(reader, forth), pipe(back, writer))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # somebody hung up
            await lead(reader, writer)
        connections.discard(task)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
