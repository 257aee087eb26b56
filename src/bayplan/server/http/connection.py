"""One HTTP connection, with the bounds that uvicorn's own does not have: on headers, on time, and on how many there are.

A connection ends when its headers or its body do not come in time, when its client does not read the answer, and when it is
idle and others need its place.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bayplan.errors import Overloaded
from bayplan.server.http import errors
from bayplan.server.http.turns import ARRIVED, OVERLOAD_LOG, RETRY_SECONDS

# Of a request line and headers, or of the line between two chunks of a body.
MOST_HEAD_BYTES = 64 * 1024
LEAST_BODY_RATE = 16 * 1024
"""Bytes a second: so much of a body gives it a second more."""
SWEEP_SECONDS = 1.0
MANY_CONNECTIONS = 200


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds."""

    head: float = 10.0
    """From the opening of a connection, or the first byte of a request, to the end of its headers."""
    body: float = 30.0
    answer: float = 30.0
    """How long it may take none of the answer that waits for it."""


@dataclass(slots=True)
class OpenConnections:
    """The connections of a server process: at most `most`, and which of them wait for a request, the longest first."""

    most: int
    deadlines: Deadlines
    on_few: Callable[[], None]
    """Called when there were many connections, and most of them have gone."""
    idle: dict["HttpConnection", None] = field(default_factory=dict)
    open: set["HttpConnection"] = field(default_factory=set)
    _peak: int = 0

    def sweep(self) -> None:
        """Ends the connections whose time is over, now and from now on."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [each for each in self.open if min(each.deadline, each.read_deadline) <= now]:
            connection.end(now)
        self._peak = max(self._peak, len(self.open))
        if self._peak >= MANY_CONNECTIONS and len(self.open) <= self._peak // 10:
            self._peak = 0
            self.on_few()
        loop.call_later(SWEEP_SECONDS, self.sweep)


class HttpConnection(HttpToolsProtocol):
    """A connection, among those that `open_connections` counts."""

    open_connections: ClassVar[OpenConnections]
    deadline = float("inf")
    """When the rest of a request has to have come."""
    read_deadline = float("inf")
    """When the client has to have read something of its answer."""
    _head_bytes = 0
    _body_bytes = 0
    _body_began = 0.0
    _unsent_bytes: int | None = None
    _handled: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Takes the place of the connection that has been idle for longest where there are too many."""
        super().connection_made(transport)
        if self.client is not None:  # of a socket for both families
            self.client = (self.client[0].removeprefix("::ffff:"), self.client[1])
        group = self.open_connections
        if len(group.open) >= group.most:
            if not group.idle:
                OVERLOAD_LOG.note()
                self._refuse(503, "The server has too many connections at this moment: try again in a few seconds.")
                return
            next(iter(group.idle)).leave()
        group.open.add(self)
        self._wait_for_request()
        self.deadline = self.loop.time() + self.open_connections.deadlines.head

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives its place free."""
        self.open_connections.open.discard(self)
        self.open_connections.idle.pop(self, None)
        # uvicorn tells the request that was read last; the one that is handled, and others behind it, would write on.
        self.pipeline.clear()
        if self._handled is not None:
            self._handled.disconnected = True
            self._handled.message_event.set()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Ends an idle connection for another one."""
        self.open_connections.open.discard(self)
        self.open_connections.idle.pop(self, None)
        self.transport.abort()

    def end(self, now: float) -> None:
        """Ends the connection, whose time is over, unless its client goes on to read."""
        if self.read_deadline <= now and self._unsent_bytes is not None:
            unsent_bytes = self.transport.get_write_buffer_size()
            if unsent_bytes < self._unsent_bytes:
                self._unsent_bytes, self.read_deadline = unsent_bytes, now + self.open_connections.deadlines.answer
            else:
                self.transport.abort()
        elif self._head_bytes or (self.cycle is not None and not self.cycle.response_started):
            self._refuse(408, "The request was not complete in time: send it again.")
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Reads what has come; refuses a header beyond the bound: the parser keeps an unfinished one, however long."""
        if self.transport.is_closing():
            return
        if self._head_bytes > MOST_HEAD_BYTES:
            self.send_400_response(f"The request has more than {MOST_HEAD_BYTES} bytes of headers: send fewer.")
            return
        if self.deadline == float("inf") and self in self.open_connections.idle:
            self.deadline = self.loop.time() + self.open_connections.deadlines.head
        self._head_bytes += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Begins to wait for the body."""
        self._head_bytes = self._body_bytes = 0
        self.open_connections.idle.pop(self, None)
        self._body_began = self.loop.time()
        self.deadline = self._body_began + self.open_connections.deadlines.body
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Counts what has come of the body."""
        self._head_bytes = 0
        self._body_bytes += len(body)
        self.deadline = self._body_began + self.open_connections.deadlines.body + self._body_bytes / LEAST_BODY_RATE
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Waits for the answer."""
        self._head_bytes = 0
        self.deadline = float("inf")
        self.scope["state"][ARRIVED] = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Waits for the next request; uvicorn ends a connection that stays idle."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._wait_for_request()

    def pause_writing(self) -> None:
        """Notes that the client does not read as fast as it is answered."""
        super().pause_writing()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self.read_deadline = self.loop.time() + self.open_connections.deadlines.answer

    def resume_writing(self) -> None:
        """Notes that it has read."""
        super().resume_writing()
        self._unsent_bytes, self.read_deadline = None, float("inf")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._handled = cycle
        super()._start_asgi_task(cycle, app)

    def _wait_for_request(self) -> None:
        self.open_connections.idle.pop(self, None)
        self.open_connections.idle[self] = None

    def _refuse(self, status: int, detail: str) -> None:
        response = errors.problem(status, "timeout" if status == 408 else Overloaded.code, detail)
        head = [b"HTTP/1.1 %d %b" % (status, b"Request Timeout" if status == 408 else b"Service Unavailable")]
        head += [b"%b: %b" % header for header in (*self.server_state.default_headers, *response.raw_headers)]
        head += [b"retry-after: %d" % RETRY_SECONDS] if status == 503 else []
        self.transport.write(b"\r\n".join([*head, b"connection: close", b"", bytes(response.body)]))
        self.transport.close()


def limited(most: int, deadlines: Deadlines, on_few: Callable[[], None]) -> type[HttpConnection]:
    """Gives the class of the connections of one server process, of which there are at most so many."""
    return type(
        HttpConnection.__name__, (HttpConnection,), {"open_connections": OpenConnections(most, deadlines, on_few)}
    )
