"""The application run inside the test process, without a network: quick enough for hundreds of tests on two databases.

Requests go through a plain synchronous `httpx2.Client`; the application lives in one event loop in a thread of its own,
as it does under the server. What the network adds (raw bytes, signals, start-up) is tested on the real server process.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import uvloop

from bayplan.config import Settings
from tests.documented import assert_documented

if TYPE_CHECKING:
    from bayplan.server.http.application import Application

T = TypeVar("T")
PATIENCE_SECONDS = 60.0
ADDRESS = "http://bayplan.test"


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does `work` in the loop and gives what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        """Ends the loop and its threads."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()


class InLoop(httpx2.BaseTransport):
    """Carries a synchronous client's requests to an application in a loop; raises what the application raises."""

    def __init__(self, app: "Application", loop: Loop, address: str) -> None:
        self._transport = httpx2.ASGITransport(app, client=(address, 1))
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends the request and gives the whole response."""
        return self._loop.run(self._carry(request))

    async def _carry(self, request: httpx2.Request) -> httpx2.Response:
        asynchronous = httpx2.Request(
            request.method, request.url, headers=request.headers, content=request.read(), extensions=request.extensions
        )
        response = await self._transport.handle_async_request(asynchronous)
        content = b"".join([part async for part in response.aiter_raw()])  # as it is sent: the client unpacks it
        answer = httpx2.Response(response.status_code, headers=response.headers, stream=httpx2.ByteStream(content))
        assert_documented(request.method, request.url.path, answer)
        return answer


@contextlib.contextmanager
def running_app(settings: Settings, loop: Loop, **options: Any) -> Iterator["Application"]:
    """The application with its lifespan, for as long as the block lasts; `options` are those of `create_app`."""
    from bayplan.server.app import create_app  # here: the tests of the rules need not wait for the web framework

    app = create_app(settings, **options)
    started, finish = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # One task enters and leaves: what the lifespan opens may insist on being closed where it was opened.
        async with app.lifespan():
            started.set()
            await finish.wait()

    async def start() -> "asyncio.Task[None]":
        task = asyncio.create_task(live())
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            task.result()
        return task

    async def stop(task: "asyncio.Task[None]") -> None:
        finish.set()
        await task

    task = loop.run(start())
    try:
        yield app
    finally:
        loop.run(stop(task))


def client(app: "Application", loop: Loop, token: str | None = None, address: str = "127.0.0.1") -> httpx2.Client:
    """A client of the application, with an access token or anonymous; `address` is where its requests come from."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx2.Client(transport=InLoop(app, loop, address), base_url=ADDRESS, headers=headers)
