"""Connections of the embedded database: how each is prepared, and transactions that wait in a thread."""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Parameters
from bayplan.db.sqlite_errors import is_busy

LOCK_WAIT_MS = 3_500
"""How long a write waits for another program's lock: it is answered within five seconds."""
LOCKED_WAIT_MS = 50
"""How long it waits where another write has waited in vain just now."""


def connect(path: str, kept_statements: int) -> sqlite3.Connection:
    """Opens a database file that there is: SQLite makes none in the place of one that was moved away."""
    uri = f"{Path(path).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, check_same_thread=False, cached_statements=kept_statements)


def prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """Sets a new connection up."""
    connection.isolation_level = None  # BEGIN is ours to say
    connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.create_function("bayplan_folded", 1, _folded, deterministic=True)


def _folded(text: str | None) -> str | None:
    return None if text is None else text.lower()


def driver_of(connection: sa.Connection) -> sqlite3.Connection:
    """Gives the driver's connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def run_compiled(
    connection: sa.Connection, dialect: sa.Dialect, statement: CompiledStatement, parameters: Parameters
) -> sqlite3.Cursor:
    """Runs a compiled statement on the driver's connection."""
    sql, names, fixed = statement.for_driver(dialect)
    driver = driver_of(connection)
    if parameters is None or isinstance(parameters, Mapping):
        values = {**fixed, **parameters} if parameters else fixed
        return driver.execute(sql, [values[name] for name in names])
    return driver.executemany(sql, [[row[name] for name in names] for row in parameters])


async def begin(connection: sa.Connection, wait_ms: int) -> None:
    """Begins a transaction that writes: at once where no other process does, else in a thread that waits for it."""
    driver = driver_of(connection)
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        driver.execute(f"PRAGMA busy_timeout = {wait_ms}")
        await settled(connection, "BEGIN IMMEDIATE")


async def settled(connection: sa.Connection, sql: str) -> None:
    """Runs `sql` in a thread and waits for its end even when cancelled: the connection is nobody else's until then."""
    running = asyncio.ensure_future(asyncio.to_thread(connection.exec_driver_sql, sql))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def roll_back(connection: sa.Connection) -> None:
    """Ends the transaction, if there is one still: SQLite ends it by itself after some errors."""
    if driver_of(connection).in_transaction:
        connection.exec_driver_sql("ROLLBACK")
