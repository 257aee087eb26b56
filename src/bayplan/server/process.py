"""The work of `serve`, `migrate` and `secrets rotate`; apart from the commands because it takes long to import."""

import asyncio
import errno
import gc
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import bayplan
from bayplan.clock import now
from bayplan.config import Settings
from bayplan.db import schema
from bayplan.errors import CannotStart
from bayplan.server import logs
from bayplan.server.app import create_app, open_context, prepare
from bayplan.server.checks import queue as check_queue
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.credentials.key_rotation import encrypt_again
from bayplan.server.supervisor import Supervisor, run_once

# Of a request line and headers, or of the line between two chunks of a body.
MOST_HEAD_BYTES = 64 * 1024
BACKLOG = 2048  # connections that wait to be accepted

_OTHER = dict.fromkeys((errno.EADDRINUSE, errno.EACCES), "port with --port or BAYPLAN_PORT")
_ANY_OTHER = "address with --host or BAYPLAN_HOST"


class _Http(HttpToolsProtocol):
    """uvicorn's HTTP with a limit on headers: its parser keeps an unfinished header, however long."""

    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._head_bytes > MOST_HEAD_BYTES:
            self.send_400_response(f"More than {MOST_HEAD_BYTES} bytes of headers.")
            return
        self._head_bytes += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()


class _Server(uvicorn.Server):
    """A uvicorn server that prints its address in a line once it serves, and ends with its supervisor."""

    def __init__(self, config: uvicorn.Config, greeting: str | None, lifeline: int | None) -> None:
        super().__init__(config)
        self._greeting = greeting
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        # Objects of the start stay; collecting garbage among them would hold up every request for 0.1 s.
        gc.freeze()
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._end)
        if self._greeting is not None:
            print(self._greeting, flush=True)

    def _end(self) -> None:
        assert self._lifeline is not None
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def serve(settings: Settings, *, check_intervals: CheckIntervals | None = None) -> None:
    """Serves until a signal; raises `CannotStart` or `DatabaseUnavailable` where it cannot."""
    logs.configure(settings.log_level)
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    place = settings.database_url.removeprefix("sqlite:///") if settings.is_embedded else "PostgreSQL"
    greeting = f"bayplan {bayplan.__version__} serves http://{shown}:{port}\nIts data lies in {place}"
    # Before the server starts, so that an error is a single line and not the end of a start.
    if settings.processes == 1:
        asyncio.run(_prepare(settings))
        _Server(_config(settings, check_intervals), greeting, None).run(sockets=[listener])
        return
    run_once(lambda: asyncio.run(_prepare(settings)))
    listener.listen(BACKLOG)  # from now on no connection is refused, whichever process accepts it

    def serve_as(number: int, lifeline: int) -> None:
        logs.configure(settings.log_level, number)
        server = _Server(_config(settings, check_intervals), None, lifeline)
        server.run(sockets=[listener])
        if not server.started:
            raise CannotStart("The server process could not start.")

    Supervisor(serve_as, listener, settings.processes).run(greeting)


def _config(settings: Settings, check_intervals: CheckIntervals | None) -> uvicorn.Config:
    app = create_app(settings, check_intervals=check_intervals)
    return uvicorn.Config(
        logs.RequestLog(app) if settings.log_level == "debug" else app,
        loop="uvloop",
        http=_Http,
        log_config=None,  # `logs` has set it up
        access_log=False,
        lifespan="on",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )


async def _prepare(settings: Settings) -> None:
    """Prepares the database and the keys, once for all processes."""
    context = open_context(settings)
    try:
        await prepare(context)
        if settings.is_embedded:  # no other server uses it, so earlier claims have no owner
            await check_queue.resume(context.db, now())
    finally:
        await context.db.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotStart(
            f"Cannot serve on {host}:{port}: {why}. Choose another {_OTHER.get(error.errno or 0, _ANY_OTHER)}."
        ) from None
    return listener


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Brings the database to this program's schema; gives the schema before and after."""

    async def work() -> tuple[str | None, str]:
        runtime = open_context(settings)
        try:
            return await schema.upgrade(runtime.db)
        finally:
            await runtime.db.close()

    return asyncio.run(work())


def rotate(settings: Settings, *, new_key: bool) -> tuple[int, int]:
    """Encrypts the registry passwords again; gives how many of how many. The old keys stay in the key file, after the new one."""

    async def work() -> tuple[int, int]:
        runtime = open_context(settings)
        try:
            await prepare(runtime)
            if new_key:
                runtime.keyring.add_new_key()
            return await encrypt_again(runtime.db, runtime.keyring)
        finally:
            await runtime.db.close()

    return asyncio.run(work())
