"""Requests as bytes on a socket: what no well-behaved client would send."""

import contextlib
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took from the first byte sent."""

    status: int
    head: str
    body: bytes
    seconds: float


def request(method: str, path: str, body: bytes = b"", /, **headers: str) -> bytes:
    """The bytes of a request with a length; `content_type="x"` is the header `Content-Type: x`."""
    fields = {"Host": "bayplan.test", "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(method: str, path: str, chunks: Iterable[bytes], /, **headers: str) -> Iterable[bytes]:
    """The bytes of a request whose length nobody knows before its end."""
    yield request(method, path, content_length="", transfer_encoding="chunked", **headers)
    for chunk in chunks:
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"


def exchange(port: int, pieces: Iterable[bytes]) -> Answer:
    """Sends the pieces on a new connection until somebody answers; gives the first answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        begin = time.perf_counter()
        # The server may answer and hang up before it has read everything: that is its right.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while not _whole(received) and (more := connection.recv(65536)):
                received += more
        seconds = time.perf_counter() - begin
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0
    return Answer(status, head.decode("latin-1"), body, seconds)


def _whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return received.endswith(b"0\r\n\r\n")
