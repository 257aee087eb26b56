"""Reads and writes users in the database itself, so that `bayplan user` can replace a lost password."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.config import Settings
from bayplan.db import crud
from bayplan.db.database import Database, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.keyring import Keyring, new_key
from bayplan.db.principal import Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import NotFound
from bayplan.schemas.filters import EVERYTHING
from bayplan.schemas.users import UserCreate, UserPatch
from bayplan.server import start
from bayplan.server.auth import passwords
from bayplan.server.http.parsing import invalid

Result = TypeVar("Result")
USERS = RESOURCE_TYPES["users"]


def require_catalogue(settings: Settings) -> None:
    """Raises `CannotStart` where there is no file of a catalogue: before anybody types a password for it."""
    start.require_file(settings)


def _run(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with start.existing_database(settings) as db:
            return await work(db)

    return asyncio.run(run())


def _no_keys(settings: Settings) -> Keyring:
    """Gives a keyring for what has no registry passwords: users are there also when the key file is not."""
    return Keyring(new_key(), start.secrets_key_file(settings))


def add(settings: Settings, values: dict[str, Any]) -> int:
    """Adds a user and gives its pk; raises `Invalid` or `Conflict`."""

    async def work(db: Database) -> int:
        row = await passwords.hashed_in(_validated(UserCreate, values))
        row |= {"date_joined": now(), "token_epoch": 0}
        async with db.write() as tx:
            return await crud.insert(tx, USERS, row, _no_keys(settings))

    return _run(settings, work)


def listed(settings: Settings) -> bytes:
    """Gives all users as JSON."""

    async def work(db: Database) -> bytes:
        staff = Principal(is_staff=True)
        listing = crud.listing(projection("users", staff), staff, EVERYTHING)
        return (await crud.page(db, listing, Disclosure(_no_keys(settings)))).body

    return _run(settings, work)


def change(settings: Settings, username: str, changes: dict[str, Any]) -> None:
    """Gives a user's fields these values, `password` among them; raises `NotFound`, `Invalid` or `Conflict`."""

    async def work(db: Database) -> None:
        values = await passwords.hashed_in(_validated(UserPatch, changes))
        column = USERS.column("username")
        rows = await fetch_all(db, sa.select(USERS.column("pk")).where(column == username))
        if not rows:
            raise NotFound(f"There is no user '{username}': 'bayplan user list' lists all users.")
        async with db.write() as tx:
            await crud.change(tx, USERS, rows[0][0], values, _no_keys(settings))

    _run(settings, work)


def _validated(model: Any, values: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        body: dict[str, Any] = model.model_validate(values).model_dump(exclude_unset=model is UserPatch)
    except ValidationError as error:
        raise invalid(error, model) from None
    return body
