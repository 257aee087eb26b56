"""The body of a request on its way in; what is left of it when the answer is ready is read and thrown away.

A connection that is closed while a client still sends is reset, and the client never sees the answer.
"""

import asyncio
import time

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

# As nginx lingers: for so long in all, and for so long between two parts.
_MOST_SECONDS = 30.0
_MOST_SECONDS_BETWEEN = 5.0
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"expect"})


class RequestBody:
    """The messages of a request's body, of which it is known whether the last has come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_begun = False
        self.is_complete = False

    async def __call__(self) -> Message:
        """Gives the next message."""
        self.is_begun = True
        message = await self._receive()
        if not message.get("more_body", False):
            self.is_complete = True  # the last part, or the client is gone
        return message

    async def discard(self) -> None:
        """Reads the rest, as long as it keeps coming and for a bounded time."""
        end = time.monotonic() + _MOST_SECONDS
        try:
            while not self.is_complete and (left := end - time.monotonic()) > 0:
                async with asyncio.timeout(min(left, _MOST_SECONDS_BETWEEN)):
                    await self()
        except TimeoutError:
            pass


async def answer_before_body(response: Response, scope: Scope, body: RequestBody, send: Send) -> None:
    """Sends the whole answer at once, and ends it when the rest of the body has come."""
    headers = {name: value for name, value in scope["headers"] if name in _BODY_HEADERS}
    if body.is_complete or (headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers):
        await response(scope, body, send)
        return
    if b"expect" in headers and not body.is_begun:
        # The client waits for leave to send the body. It may send it all the same, so no request can come after this one.
        response.headers["Connection"] = "close"
        await response(scope, body, send)
        return

    async def send_unended(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await response(scope, body, send_unended)
    await body.discard()
    await send({"type": "http.response.body", "body": b""})
