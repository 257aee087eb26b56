"""What is wrong with a database, part by part: its pages, tables, rows, references and versions, and the keys of its secrets.

It changes nothing, holds no lock that writers wait for, and may run beside a server.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bayplan.config import Settings
from bayplan.db import schema, tables
from bayplan.db.keyring import Keyring, UnknownKey
from bayplan.db.postgresql_address import parse_address
from bayplan.db.stored_values import odd_values
from bayplan.domain import units
from bayplan.errors import BayplanError, CannotStart
from bayplan.server import start

_FAILURES = (sa.exc.SQLAlchemyError, sqlite3.Error, psycopg.Error, ValueError)
_MOST_PROBLEMS = 10
_ROWS_AT_ONCE = 1_000
_CONNECT_SECONDS = 10

_UNREADABLE = "-"
_BACKUP = "stop the server and restore a backup"
_INDEXES = f"{_BACKUP}; if the problems name only indexes, REINDEX in sqlite3 or psql repairs them"
_KEYS = "put the key back, or enter these passwords again; 'bayplan secrets rotate --forget-lost' removes them"


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """A part of the database: what was looked at, what is wrong with it, and what to do then."""

    name: str
    checked: str
    problems: Sequence[str]
    remedy: str


Check = Callable[[sa.Connection, Settings], tuple[str, list[str]]]
"""Gives how much was checked, and what is wrong."""


def steps(settings: Settings) -> Iterator[tuple[str, Callable[[], CheckedPart]]]:
    """Gives each part's name, and what checks it; the next one comes when the last was checked.

    Where pages cannot be read at all, or tables are missing, the rest would only say so again: it is left out. Raises
    `CannotStart` where there is no database, or it does not answer.
    """
    start.require_file(settings)
    engine = _engine(settings)
    parts: list[CheckedPart] = []

    def checked(name: str) -> CheckedPart:
        parts.append(_checked(name, engine, settings))
        return parts[-1]

    try:
        for name in _CHECKS:
            yield name, partial(checked, name)
            if parts[-1].problems and (parts[-1].checked == _UNREADABLE or name == "tables"):
                return
    finally:
        engine.dispose()


def _checked(name: str, engine: sa.Engine, settings: Settings) -> CheckedPart:
    check, remedy = _CHECKS[name]
    try:
        with engine.connect() as connection:
            checked, problems = check(connection, settings)
    except _FAILURES as error:
        return CheckedPart(name, _UNREADABLE, [_reason(error)], _BACKUP)
    except BayplanError as error:
        return CheckedPart(name, _UNREADABLE, [error.detail.rstrip(".")], remedy)
    if problems and "'bayplan migrate'" in problems[0]:
        remedy = "'bayplan migrate', or the next start of the server"
    return CheckedPart(name, checked, problems, remedy if problems else "")


def _engine(settings: Settings) -> sa.Engine:
    if settings.is_embedded:
        path = Path(settings.database_url.removeprefix("sqlite:///")).absolute()
        return sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True),
            poolclass=sa.NullPool,
            hide_parameters=True,
        )
    address = parse_address(settings.database_url)

    def connect() -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect("", **{"connect_timeout": str(_CONNECT_SECONDS), **address.parameters})  # type: ignore[arg-type]  # libpq's parameters, all of them texts

    try:
        connect().close()
    except psycopg.Error as error:
        raise CannotStart(f"The database at {address.place} cannot be used: {_reason(error)}.") from None
    return sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)


def _reason(error: BaseException) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")


def _pages(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_PROBLEMS})").fetchall()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        problems = [line for (text,) in rows for line in str(text).splitlines() if line != "ok"]
        return f"{pages:,} pages", [line for line in problems if not line.startswith("*** in database")]
    if not connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'").fetchall():
        return "no index: CREATE EXTENSION amcheck", []
    indexes = connection.exec_driver_sql(
        "SELECT c.oid, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam "
        "WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace"
    ).fetchall()
    problems = []
    for oid, name in indexes:
        try:
            with connection.begin_nested():
                connection.execute(sa.text("SELECT bt_index_check(CAST(:oid AS oid))"), {"oid": oid})
        except sa.exc.DBAPIError as error:
            problems.append(f"index {name}: {_reason(error)}")
    return f"{len(indexes):,} indexes", problems


def _tables(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    revision = schema.revision_of(connection)
    problems = [f"it lacks {lacking}" for lacking in schema.lacking(connection)]
    if revision is None:
        problems.insert(0, "it has no schema number (the table alembic_version)")
    elif revision not in schema.REVISIONS:
        problems.insert(
            0, f"it has the schema {revision}, which is newer than the schema {schema.HEAD} of this bayplan"
        )
    elif revision != schema.HEAD:
        problems = [f"it has the schema {revision}, and 'bayplan migrate' brings it to {schema.HEAD}"]
    return f"{len(tables.metadata.tables)} tables", problems


def _rows(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    """Reads every row, as the server would."""
    count, problems = 0, []
    for table in tables.metadata.sorted_tables:
        try:
            with connection.begin_nested():
                rows = connection.execute(sa.select(table).execution_options(yield_per=_ROWS_AT_ONCE))
                for part in rows.partitions():
                    count += len(part)
        except _FAILURES as error:
            problems.append(f"the table {table.name}: {_reason(error)}")
    if connection.dialect.name == "sqlite":
        problems += odd_values(connection)
    return units.count(count, "row"), problems


def _references(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    keys = [(table, key) for table in tables.metadata.sorted_tables for key in table.foreign_keys]
    problems = []
    for table, key in keys:
        target = key.column.table.alias("target")
        column = target.c[key.column.name]
        joined = table.outerjoin(target, column == key.parent)
        statement = sa.select(sa.func.count()).select_from(joined).where(key.parent.is_not(None), column.is_(None))
        count = connection.execute(statement).scalar_one()
        if count:
            problems.append(f"{table.name}.{key.parent.name} names no row of {key.column.table.name}: {count:,} times")
    return f"{len(keys)} kinds", sorted(problems)


def _secrets(connection: sa.Connection, settings: Settings) -> tuple[str, list[str]]:
    images = tables.images.c
    rows = connection.execute(
        sa.select(images.pk, images.registry_password).where(images.registry_password.is_not(None)).order_by(images.pk)
    ).fetchall()
    checked = units.count(len(rows), "password")
    keys = settings.secrets_key.get_secret_value() if settings.secrets_key else None
    if not keys and not start.secrets_key_file(settings).exists():
        missing = f"{start.secrets_key_file(settings)} does not exist, and BAYPLAN_SECRETS_KEY is not set"
        return checked, [missing] if rows else []
    keyring = Keyring(keys, start.secrets_key_file(settings), makes_file=False)
    lost: dict[str, list[int]] = {}
    for pk, stored in rows:
        try:
            keyring.decrypt(stored)
        except UnknownKey as error:
            lost.setdefault(error.detail.rstrip("."), []).append(pk)
    return checked, [f"{detail} ({_listed(pks)})" for detail, pks in lost.items()]


def _listed(pks: Sequence[int]) -> str:
    shown = ", ".join(str(pk) for pk in pks[:_MOST_PROBLEMS])
    return f"image {shown}" if len(pks) == 1 else f"images {shown}{', ...' if len(pks) > _MOST_PROBLEMS else ''}"


def _versions(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    catalogue = tables.catalogue.c
    rows = connection.execute(sa.select(catalogue.version, catalogue.reference_version)).fetchall()
    if len(rows) != 1:
        return "-", [f"the table catalogue must have one row, and has {len(rows):,}"]
    problems = []
    if rows[0].reference_version > rows[0].version:
        problems.append(f"the version of references, {rows[0].reference_version}, is larger than the catalogue's")
    versions = {"changes.version": tables.changes.c.version} | {
        f"{table.name}.revision": table.c.revision for table in tables.metadata.sorted_tables if "revision" in table.c
    }
    for name, column in versions.items():
        # In one statement, so that a write beside it cannot come between.
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        version, most = connection.execute(sa.select(catalogue.version, highest)).one()
        if most is not None and most > version:
            problems.append(f"{name} is {most:,}, and the catalogue's version only {version:,}")
    return f"{len(versions)} columns", problems


def _users(connection: sa.Connection, _settings: Settings) -> tuple[str, list[str]]:
    users = tables.users.c
    count = connection.execute(sa.select(sa.func.count()).select_from(tables.users)).scalar_one()
    staff = sa.select(sa.func.count()).where(users.is_staff.is_(True), users.is_active.is_(True))
    return units.count(count, "user"), [] if connection.execute(staff).scalar_one() else ["no active user is staff"]


_CHECKS: Mapping[str, tuple[Check, str]] = {
    "pages": (_pages, _INDEXES),
    "tables": (_tables, _BACKUP),
    "rows": (_rows, _BACKUP),
    "references": (_references, _BACKUP),
    "versions": (
        _versions,
        "stop the servers, and raise the version: UPDATE catalogue SET version = version + 1000000",
    ),
    "secrets": (_secrets, _KEYS),
    "users": (_users, "'bayplan user add NAME --staff' adds one"),
}
