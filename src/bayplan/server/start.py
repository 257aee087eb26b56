"""What happens before a server serves, once for all its processes; and the database of commands that work on it directly."""

import logging
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.config import Settings
from bayplan.db import schema, tables
from bayplan.db.database import Database, DatabaseUnavailable, Outage, fetch_all
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring, signing_key
from bayplan.db.principal import Principal
from bayplan.errors import CannotStart, Conflict
from bayplan.server.app import close, open_context, prepare
from bayplan.server.auth import accounts
from bayplan.server.checks import queue as check_queue
from bayplan.server.credentials import key_rotation
from bayplan.server.examples import queries as examples

_log = logging.getLogger("bayplan")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def prepare_server(settings: Settings, *, new_catalogue: bool) -> None:
    """Prepares the database, and then the keys: a first start that is interrupted leaves no keys without a catalogue.

    Raises `CannotStart` and `DatabaseUnavailable`. `new_catalogue` is whether one may begin beside keys of an earlier one.
    """
    _check_keys_there_are(settings)
    keys = [file for file in _key_files(settings) if file.exists()]
    if settings.is_embedded and not new_catalogue:
        _refuse_lost_file(settings, keys)
    db = open_database(settings.database_url, connections=settings.database_connections)
    try:
        if settings.is_embedded and keys and await schema.is_empty(db):
            if not new_catalogue:
                raise _lost(settings, keys[0])
            signing_key_file(settings).unlink(
                missing_ok=True
            )  # tokens of the earlier catalogue are no good in this one
        await prepare(db, settings)
        await schema.check_whole(db)
        await _check(db, settings)
        await require_secrets_key(db, settings)
        await key_rotation.check_keys(db, keyring_of(settings))
        _signing_key(settings)
        if settings.is_embedded:  # no other server uses it, so earlier claims have no owner
            await check_queue.resume(db, now())
    finally:
        await db.close()
    _warn_of_open_files(settings)


async def load_examples(settings: Settings) -> str:
    """Loads the example catalogue and fleet, and gives a sentence that says so; raises `CannotStart` where there is something."""
    context = open_context(settings, makes_files=False)
    try:
        staff = await accounts.first_staff(context.db)
        if staff is None:
            raise CannotStart(
                "There is no staff user, who would be the examples' creator: 'bayplan user add NAME --staff' adds one."
            )
        creator = Principal(user=staff.pk, is_staff=True, name=staff.name, epoch=staff.token_epoch)
        added = (await examples.load_examples(context, creator))["changes"]
    except Conflict:
        raise CannotStart(
            "The catalogue is not empty, so there is no place for the examples: serve it without --examples. Nothing was changed."
        ) from None
    finally:
        await close(context)
    images, nodes = (sum(change["resource"] == name for change in added) for name in ("images", "nodes"))
    return f"The example catalogue and fleet are loaded: {images:,} images, {nodes:,} nodes"


@asynccontextmanager
async def existing_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database with its schema brought up to date, for a command; raises `CannotStart` where it has no catalogue."""
    require_file(settings)
    db = open_database(settings.database_url, connections=settings.database_connections, makes_file=False)
    try:
        if await schema.revision(db) is None:
            raise _no_catalogue(settings)
        await schema.upgrade(db)
        yield db
    finally:
        await db.close()


def require_file(settings: Settings) -> None:
    """Raises `CannotStart` where the embedded database has no file, or an empty one: a command makes none."""
    if settings.is_embedded and not _has_content(_file(settings)):
        raise _no_catalogue(settings)


async def require_secrets_key(db: Database, settings: Settings) -> None:
    """Raises `CannotStart` where passwords are stored and the file with their key is gone: a new key would not help."""
    file = secrets_key_file(settings)
    if settings.secrets_key or file.exists():
        return
    stored = tables.images.c.registry_password
    count = (await fetch_all(db, sa.select(sa.func.count()).where(stored.is_not(None))))[0][0]
    if count:
        raise CannotStart(
            f"The key file {file} is gone, and {count:,} registry passwords are encrypted with its keys: put it back. If it "
            f"is lost, 'bayplan secrets key > {file}' makes another, and 'bayplan secrets rotate --forget-lost' "
            "removes the passwords."
        )


async def _check(db: Database, settings: Settings) -> None:
    try:
        await db.check()
    except DatabaseUnavailable as error:
        # A standby, or a primary that was one until now: what is there can be read. A file stays as it is.
        if settings.is_embedded or error.outage is not Outage.READ_ONLY:
            raise
        _log.warning(
            "%s The server answers all the same, but refuses changes and log-ins until it can write.", error.detail
        )


def keyring_of(settings: Settings) -> Keyring:
    """Gives the keys of registry passwords; makes the key file where there is none; raises `CannotStart`."""
    keys = settings.secrets_key.get_secret_value() if settings.secrets_key else None
    return Keyring(keys, secrets_key_file(settings))


def secrets_key_file(settings: Settings) -> Path:
    """Gives the path of the file with the keys of registry passwords."""
    return settings.home / "secrets.key"


def signing_key_file(settings: Settings) -> Path:
    """Gives the path of the file with the key of tokens."""
    return settings.home / "signing.key"


def _signing_key(settings: Settings) -> str:
    key = settings.signing_key
    return signing_key(key.get_secret_value() if key else None, signing_key_file(settings))


def _key_files(settings: Settings) -> tuple[Path, Path]:
    return secrets_key_file(settings), signing_key_file(settings)


def _check_keys_there_are(settings: Settings) -> None:
    """Raises `CannotStart` for a key that is set or has a file, and is not usable: before anything is made."""
    if settings.secrets_key or secrets_key_file(settings).exists():
        keyring_of(settings)
    if settings.signing_key or signing_key_file(settings).exists():
        _signing_key(settings)


def _file(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _has_content(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def _refuse_lost_file(settings: Settings, keys: list[Path]) -> None:
    """Raises `CannotStart` where there is no database file, but others show that there was one; SQLite would remove its log."""
    file = _file(settings)
    log = file.with_name(f"{file.name}-wal")
    traces = [*keys, *([log] if _has_content(log) else [])]
    if traces and not _has_content(file) and not file.is_dir():
        raise _lost(settings, traces[0])


def _lost(settings: Settings, trace: Path) -> CannotStart:
    return CannotStart(
        f"There is no catalogue in {_file(settings)}, but {trace} of an earlier catalogue is there: restore a backup of "
        "the database, or begin a new catalogue with 'bayplan serve --new-catalogue'. Nothing was changed."
    )


def _no_catalogue(settings: Settings) -> CannotStart:
    if not settings.is_embedded:
        return CannotStart(
            "There is no catalogue in the database that BAYPLAN_DATABASE (or --database) names: 'bayplan serve' makes one."
        )
    return CannotStart(
        f"There is no catalogue in {_file(settings)}. Name the server's folder by BAYPLAN_HOME (or --home), or its "
        "database by BAYPLAN_DATABASE (or --database); 'bayplan serve' makes a new catalogue. Nothing was made."
    )


def _warn_of_open_files(settings: Settings) -> None:
    """Logs which files with secrets other users of the machine can read or write, and the command that ends that."""
    files = [*_key_files(settings), *([_file(settings)] if settings.is_embedded else [])]
    for file in files:
        if file.is_file() and file.stat().st_mode & _OTHERS:
            _log.warning("Other users of this machine can read or write %s: run 'chmod 600 %s'.", file, file)
    if settings.home.is_dir() and settings.home.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _log.warning("Other users of this machine can write in %s: run 'chmod 700 %s'.", settings.home, settings.home)
