"""The work of `serve`, `migrate` and `secrets rotate`; apart from the commands because it takes long to import."""

import asyncio
import errno
import gc
import socket
from contextlib import suppress

import uvicorn

import bayplan
from bayplan.config import Settings
from bayplan.db import schema
from bayplan.db.engines import open_database
from bayplan.errors import CannotStart
from bayplan.server import early_imports, logs, memory, open_files, start
from bayplan.server.app import create_app
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.credentials import key_rotation
from bayplan.server.credentials.key_rotation import Encryption
from bayplan.server.http.connection import Deadlines, HttpConnection, OpenConnections, limited
from bayplan.server.http.security_headers import SECURITY_HEADERS
from bayplan.server.supervisor import Supervisor, run_once
from bayplan.web import rendering

BACKLOG = 2048  # connections that wait to be accepted
_MOST_REGISTRY_CONNECTIONS = 50
_DEADLINES = Deadlines()

_OF_THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # addresses that stand for every one
_OTHER = dict.fromkeys((errno.EADDRINUSE, errno.EACCES), "port with --port or BAYPLAN_PORT")
_ANY_OTHER = "address with --host or BAYPLAN_HOST"


class _Server(uvicorn.Server):
    """A uvicorn server that prints its address in a line once it serves, and ends with its supervisor."""

    def __init__(
        self, config: uvicorn.Config, connections: OpenConnections, greeting: str | None, lifeline: int | None
    ) -> None:
        super().__init__(config)
        self._connections = connections
        self._greeting = greeting
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        # Objects of the start stay; collecting garbage among them would hold up every request for 0.1 s.
        gc.freeze()
        self._connections.sweep()
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._end)
        if self._greeting is not None:
            print(self._greeting, flush=True)
        # Now, since no file may be opened later, and not before, since it takes as long as a tenth of the start.
        asyncio.get_running_loop().run_in_executor(None, rendering.load_all)

    def _end(self) -> None:
        assert self._lifeline is not None
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def serve(
    settings: Settings,
    *,
    new_catalogue: bool = False,
    with_examples: bool = False,
    check_intervals: CheckIntervals | None = None,
    deadlines: Deadlines = _DEADLINES,
) -> None:
    """Serves until a signal; raises `CannotStart` or `DatabaseUnavailable` where it cannot."""
    logs.configure(settings.log_level)
    files = open_files.raise_limit()
    others = settings.database_connections + _MOST_REGISTRY_CONNECTIONS
    protocol = limited(open_files.most_connections(files, others), deadlines, memory.give_back)
    early_imports.import_all()
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    place = settings.database_url.removeprefix("sqlite:///") if settings.is_embedded else "PostgreSQL"
    greeting = (
        f"bayplan {bayplan.__version__} serves http://{shown}:{port}\nIts data is in {place}\n"
        f"Open http://{_OF_THIS_MACHINE.get(shown, shown)}:{port}/ in a browser"
    )

    async def prepare() -> None:
        await start.prepare_server(settings, new_catalogue=new_catalogue)
        if with_examples:
            print(await start.load_examples(settings), flush=True)

    # Before the server starts, so that an error is a single line and not the end of a start.
    if settings.processes == 1:
        asyncio.run(prepare())
        _run(_server(settings, check_intervals, protocol, greeting, None), listener)
        return
    run_once(lambda: asyncio.run(prepare()))
    listener.listen(BACKLOG)  # from now on no connection is refused, whichever process accepts it

    def serve_as(number: int, lifeline: int) -> None:
        logs.configure(settings.log_level, number)
        _run(_server(settings, check_intervals, protocol, None, lifeline), listener)

    Supervisor(serve_as, listener, settings.processes).run(greeting)


def _run(server: _Server, listener: socket.socket) -> None:
    """Serves until the end; raises `CannotStart` where the application could not start, for which uvicorn exits."""
    with suppress(SystemExit):
        server.run(sockets=[listener])
    if not server.started:
        raise CannotStart("The server process could not start.")


def _server(
    settings: Settings,
    check_intervals: CheckIntervals | None,
    protocol: type[HttpConnection],
    greeting: str | None,
    lifeline: int | None,
) -> _Server:
    # Database and keys were made before: a process that is started again makes none in the place of some that were lost.
    app = create_app(settings, check_intervals=check_intervals, makes_files=False)
    config = uvicorn.Config(
        logs.RequestLog(app) if settings.log_level == "debug" else app,
        loop="uvloop",
        http=protocol,
        log_config=None,  # `logs` has set it up
        access_log=False,
        lifespan="on",
        server_header=False,
        headers=list(SECURITY_HEADERS),
        backlog=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    return _Server(config, protocol.open_connections, greeting, lifeline)


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
    """Brings the database to this program's schema; gives the schema before and after.

    An empty PostgreSQL database gets its tables; where there is no file of an embedded one, it raises `CannotStart`.
    """

    async def work() -> tuple[str | None, str]:
        start.require_file(settings)
        db = open_database(settings.database_url, connections=settings.database_connections)
        try:
            return await schema.upgrade(db)
        finally:
            await db.close()

    return asyncio.run(work())


def rotate(settings: Settings, *, new_key: bool, forget_lost: bool) -> Encryption:
    """Encrypts the registry passwords again. The old keys stay in the key file, after the new one."""

    async def work() -> Encryption:
        async with start.existing_database(settings) as db:
            await start.require_secrets_key(db, settings)
            keyring = start.keyring_of(settings)
            if not forget_lost:
                await key_rotation.check_keys(db, keyring)
            if new_key:
                keyring.add_new_key()
            return await key_rotation.encrypt_again(db, keyring, forget_lost=forget_lost)

    return asyncio.run(work())
