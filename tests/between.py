"""What may lie between a server and its PostgreSQL: a real pgbouncer, and a network that swallows everything for a while."""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.postgres import ACCOUNT, PATIENCE_SECONDS, Postgres, free_port
from tests.programs import program


@contextlib.contextmanager
def running_pgbouncer(cluster: Postgres, mode: str, pool_size: int) -> Iterator[Postgres]:
    """A pgbouncer with that `pool_mode` before the cluster."""
    pgbouncer = program("pgbouncer")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bayplan-pgbouncer-") as place:
        Path(place).chmod(0o755)
        settings = Path(place) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={cluster.port} user={ACCOUNT}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = {pool_size}\n"
        )
        account = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [pgbouncer.path, "-q", *account, settings],
            env=os.environ | pgbouncer.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_listener(process, port)
            yield Postgres(port, cluster.sockets)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait_for_listener(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("pgbouncer did not start.")
        time.sleep(0.02)


class Network:
    """Carries connections to a port of 127.0.0.1; while it does not flow, nothing arrives and nobody is told."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        self.flows.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._to_port)) as far:
            back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
            back.start()
            self._carry(near, far)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                target.sendall(data)
        self.flows.wait()
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def network(to_port: int) -> Iterator[Network]:
    """A network to that port for as long as the block lasts."""
    between = Network(to_port)
    try:
        yield between
    finally:
        between.close()
