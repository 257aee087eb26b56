"""What caches read of the change log: which objects changed since a version, and when the log does not say."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from bayplan.db import schema, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.change_log import ChangedObjects, changes_since
from bayplan.db.database import Database, fetch_all
from bayplan.db.engines import open_database
from bayplan.db.principal import Principal
from bayplan.db.versioned import keep_version
from tests.inprocess import Loop

CATALOGUE = sa.select(tables.catalogue.c.version, tables.catalogue.c.reference_version)


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """A database with the schema and nothing in it."""
    db = open_database(url, connections=4)
    try:
        await schema.upgrade(db)
        yield db
    finally:
        await db.close()


async def log(db: Database, *objects: tuple[str, int | None]) -> None:
    """A write that changes those objects."""
    async with db.write(by=Principal(name="kim")) as tx:
        tx.entries += [ChangeEntry(resource, pk, "change") for resource, pk in objects]


def test_what_changed_since_a_version(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            assert await changes_since(db, 0) == ChangedObjects(0, {})
            await log(db, ("docker", 1), ("docker", 2), ("nodes", 1))
            await log(db, ("docker", 2), ("domains", 7), ("secrets", None))
            expected = {"docker": frozenset({1, 2}), "nodes": frozenset({1}), "domains": frozenset({7})}
            assert await changes_since(db, 0) == ChangedObjects(2, expected)
            expected = {"docker": frozenset({2}), "domains": frozenset({7})}
            assert await changes_since(db, 1) == ChangedObjects(2, expected)
            assert await changes_since(db, 2) == ChangedObjects(2, {})

    loop.run(work())


def test_a_log_that_does_not_reach_back_says_so(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            for number in range(3):
                await log(db, ("docker", number), ("nodes", number))
            assert await changes_since(db, 0, most=5) is None, "more entries than are wanted"
            assert await changes_since(db, 7) is None, "a version of another database"
            async with db.write(moves=False) as tx:  # as the oldest entries go, one by one
                gone = (tables.changes.c.version == 1, tables.changes.c.position == 0)
                await tx.execute(sa.delete(tables.changes).where(*gone))
            assert await changes_since(db, 0) is None
            assert (await changes_since(db, 1) or ChangedObjects(0, {})).version == 3
            async with db.write(moves=False) as tx:
                await tx.execute(sa.delete(tables.changes))
            assert await changes_since(db, 2) is None
            assert await changes_since(db, 3) == ChangedObjects(3, {})

    loop.run(work())


def test_a_write_that_moves_the_version_and_logs_nothing_is_refused(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            with pytest.raises(RuntimeError, match="leaves an entry in the change log"):
                await log(db)
            assert await db.version() == 0
            async with db.write() as tx:
                await keep_version(tx)
            assert await db.version() == 0
            await log(db, ("docker", 1))
            assert await changes_since(db, 0) == ChangedObjects(1, {"docker": frozenset({1})})

    loop.run(work())


def test_the_reference_version_moves_with_what_others_refer_to(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            for resource, version in (("docker", 0), ("domains", 2), ("nodes", 2), ("users", 4), ("prefetch", 4)):
                await log(db, (resource, 1))
                assert (await fetch_all(db, CATALOGUE))[0].reference_version == version
            async with db.write() as tx:
                assert (tx.version, tx.reference_version) == (6, 4)
                await keep_version(tx)

    loop.run(work())
