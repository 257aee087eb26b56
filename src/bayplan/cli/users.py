"""What `bayplan user` does: on the database itself, so that a lost password can be mended without logging in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from bayplan.api import passwords
from bayplan.api.app import open_runtime, prepare
from bayplan.api.requests import invalid
from bayplan.api.runtime import Runtime, now
from bayplan.config import Settings
from bayplan.db import store
from bayplan.db.engine import fetch_all
from bayplan.db.selection import selection
from bayplan.db.shapes import SHAPES, Viewer
from bayplan.errors import NotFound
from bayplan.schemas.filters import EVERYTHING
from bayplan.schemas.users import UserCreate, UserPatch

Made = TypeVar("Made")
USERS = SHAPES["users"]


def _with(settings: Settings, work: Callable[[Runtime], Awaitable[Made]]) -> Made:
    async def run() -> Made:
        runtime = open_runtime(settings)
        try:
            await prepare(runtime)
            return await work(runtime)
        finally:
            await runtime.db.close()

    return asyncio.run(run())


def add(settings: Settings, values: dict[str, Any]) -> int:
    """Adds a user and gives its pk; raises `Invalid` or `Conflict`."""

    async def work(runtime: Runtime) -> int:
        row = await passwords.hashed_in(_checked(UserCreate, values))
        row |= {"date_joined": now(), "token_epoch": 0}
        async with runtime.db.write() as tx:
            return await store.insert(tx, USERS, row, runtime.keyring)

    return _with(settings, work)


def listed(settings: Settings) -> bytes:
    """Gives all users as JSON."""

    async def work(runtime: Runtime) -> bytes:
        chosen = selection("users", True, True)
        wanted = store.listing(chosen, Viewer(is_staff=True), EVERYTHING)
        return (await store.page(runtime.db, wanted, runtime.disclosure())).body

    return _with(settings, work)


def set_password(settings: Settings, username: str, password: str) -> None:
    """Gives a user a new password and ends their tokens; raises `NotFound` or `Invalid`."""

    async def work(runtime: Runtime) -> None:
        values = await passwords.hashed_in(_checked(UserPatch, {"password": password}))
        column = USERS.column("username")
        rows = await fetch_all(runtime.db, sa.select(USERS.column("pk")).where(column == username))
        if not rows:
            raise NotFound(f"There is no user '{username}': 'bayplan user list' shows them all.")
        async with runtime.db.write() as tx:
            await store.change(tx, USERS, rows[0][0], values, runtime.keyring)

    _with(settings, work)


def _checked(model: Any, values: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        body: dict[str, Any] = model.model_validate(values).model_dump(exclude_unset=model is UserPatch)
    except ValidationError as error:
        raise invalid(error, model) from None
    return body
