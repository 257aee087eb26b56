"""Writes that share a transaction: each has its own version, its own errors, and is answered after the commit."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from bayplan.db import crud, schema, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.change_log import ChangedObjects, changes_since
from bayplan.db.database import Database, Transaction, fetch_all
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring, new_key
from bayplan.db.natural_keys import resolve_in
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.errors import Conflict
from tests.inprocess import Loop

FRAMEWORKS, IMAGES = RESOURCE_TYPES["frameworks"], RESOURCE_TYPES["docker"]


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncGenerator[list[Database]]:
    """A database with the schema and nothing in it, opened so many times, as by server processes."""
    databases = [open_database(url, connections=4) for _ in range(count)]
    try:
        await schema.upgrade(databases[0])
        yield databases
    finally:
        for db in databases:
            await db.close()


@pytest.fixture
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """Keys for what is stored."""
    return Keyring(new_key(), tmp_path_factory.mktemp("keys"))


async def add(db: Database, keyring: Keyring, name: str, version: str = "1") -> int:
    """Adds a framework in a group; gives the version of the catalogue that it made."""

    async def work(tx: Transaction) -> int:
        await crud.insert(tx, FRAMEWORKS, {"name": name, "version": version}, keyring)
        return tx.version

    return await db.write_grouped(work, by=Principal(name=name))


async def names(db: Database) -> list[str]:
    """The frameworks that are committed."""
    return sorted(row.name for row in await fetch_all(db, sa.select(tables.frameworks.c.name)))


def test_each_write_has_its_own_version_and_entry(database_url: str, loop: Loop, keyring: Keyring) -> None:
    async def work() -> None:
        async with opened(database_url) as (db,):
            versions = await asyncio.gather(*(add(db, keyring, f"f{number}") for number in range(120)))
            assert versions == list(range(1, 121))
            assert await db.version() == 120
            rows = await fetch_all(db, sa.select(tables.changes).order_by(tables.changes.c.version))
            assert [(row.version, row.position, row.author) for row in rows] == [
                (number + 1, 0, f"f{number}") for number in range(120)
            ]
            revisions = sa.select(tables.frameworks.c.revision).order_by(tables.frameworks.c.revision)
            assert [row.revision for row in await fetch_all(db, revisions)] == versions

    loop.run(work())


def test_a_failure_takes_back_its_own_write_and_no_other(database_url: str, loop: Loop, keyring: Keyring) -> None:
    async def fails(tx: Transaction) -> None:
        await crud.insert(tx, FRAMEWORKS, {"name": "half", "version": "1"}, keyring)
        raise ZeroDivisionError("half way")

    async def logs_nothing(tx: Transaction) -> None:
        await tx.execute(sa.delete(tables.frameworks))

    async def work() -> None:
        async with opened(database_url) as (db,):
            ended = await asyncio.gather(
                add(db, keyring, "a"),
                db.write_grouped(fails),
                add(db, keyring, "a"),
                db.write_grouped(logs_nothing),
                add(db, keyring, "b"),
                return_exceptions=True,
            )
            assert [type(each) for each in ended] == [int, ZeroDivisionError, Conflict, RuntimeError, int]
            assert (ended[0], ended[4]) == (1, 2)
            assert await names(db) == ["a", "b"]
            pks = frozenset(row.pk for row in await fetch_all(db, sa.select(tables.frameworks.c.pk)))
            assert await changes_since(db, 0) == ChangedObjects(2, {"frameworks": pks})

    loop.run(work())


def test_who_hangs_up_loses_nothing_of_others(database_url: str, loop: Loop, keyring: Keyring) -> None:
    async def work() -> None:
        async with opened(database_url) as (db,):
            async with db.write(moves=True) as tx:  # all wait for it
                waiting = [asyncio.create_task(add(db, keyring, f"f{number}")) for number in range(5)]
                await asyncio.sleep(0.05)
                waiting[1].cancel()
                waiting[3].cancel()
                tx.log(ChangeEntry("docker", 1, "change"))
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(each, int) for each in ended] == [True, False, True, False, True]
            assert {"f0", "f2", "f4"} <= set(await names(db))

    loop.run(work())


def test_a_lost_transaction_fails_for_all_and_leaves_no_name_behind(
    database_url: str, loop: Loop, keyring: Keyring
) -> None:
    field = IMAGES.field("framework")
    assert field is not None

    async def pk_of(tx: Transaction, text: str) -> int | None:
        tx.log(ChangeEntry("docker", 1, "change"))
        return (await resolve_in(tx, field, text))[0]

    async def work() -> None:
        async with opened(database_url) as (db,):

            async def lost() -> None:
                async with db.write() as tx:
                    pk = await crud.insert(tx, FRAMEWORKS, {"name": "lost", "version": "1"}, keyring)
                    assert await pk_of(tx, "lost 1") == pk
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await lost()
            assert await db.write_grouped(lambda tx: pk_of(tx, "lost 1")) is None
            await add(db, keyring, "kept")
            kept = await db.write_grouped(lambda tx: pk_of(tx, "kept 1"))
            assert kept == await db.write_grouped(lambda tx: pk_of(tx, "KEPT 1"))

    loop.run(work())


def test_a_name_is_never_stale_whichever_process_changed_it(database_url: str, loop: Loop, keyring: Keyring) -> None:
    field = IMAGES.field("framework")
    assert field is not None

    async def pk_of(tx: Transaction) -> int | None:
        tx.log(ChangeEntry("docker", 1, "change"))
        return (await resolve_in(tx, field, "PyTorch 2"))[0]

    async def work() -> None:
        async with opened(database_url, 2) as (here, there):
            await add(here, keyring, "PyTorch", "2")
            assert [await db.write_grouped(pk_of) for db in (here, there, here, there)] == [1, 1, 1, 1]
            async with there.write() as tx:
                await crud.change(tx, FRAMEWORKS, 1, {"name": "JAX"}, keyring)
                await crud.insert(tx, FRAMEWORKS, {"name": "PyTorch", "version": "2"}, keyring)
            assert [await db.write_grouped(pk_of) for db in (here, there)] == [2, 2]
            async with here.write() as tx:
                await crud.remove(tx, FRAMEWORKS, 2)
                assert await pk_of(tx) is None
            assert [await db.write_grouped(pk_of) for db in (there, here)] == [None, None]

    loop.run(work())
