"""What a database, a role or the environment sets for all sessions: the server asks for what it needs itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
import sqlalchemy as sa

from bayplan.db import schema, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, DatabaseUnavailable, Outage, fetch_all
from bayplan.db.engines import open_database
from tests.inprocess import Loop
from tests.postgres import Postgres

NAME = "settings"
TEXT = "日本 \\é' \U0001f680"
NAMES = CompiledStatement(sa.select(tables.domains.c.name))
Run = Callable[[str, Callable[[Database], Awaitable[None]]], None]


@pytest.fixture
def run(loop: Loop) -> Run:
    """Does something with the database at an address."""

    def run(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
        async def opened() -> None:
            db = open_database(url, connections=4)
            try:
                await work(db)
            finally:
                await db.close()

        loop.run(opened())

    return run


@pytest.fixture
def made(postgres: Postgres) -> Iterator[str]:
    """The name of a database that the test makes."""
    yield NAME
    postgres.drop(NAME)


async def _add(db: Database, name: str) -> None:
    async with db.write() as tx:
        await tx.execute(sa.insert(tables.domains), {"name": name, "description": "", "revision": 1})
        tx.entries.append(ChangeEntry("domains", None, "create"))


async def _works(db: Database) -> None:
    await schema.upgrade(db)
    await schema.check_whole(db)
    await _add(db, TEXT)
    assert await db.version() == 1
    assert await db.fetch(NAMES, lambda rows: [row[0] for row in rows]) == [TEXT]
    assert [row.name for row in await fetch_all(db, sa.select(tables.domains).where(tables.domains.c.name == TEXT))]
    assert await db.check() == 1


@pytest.mark.parametrize(
    "changes",
    [
        ("statement_timeout = '1ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'"),
        ("default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"),
        (
            "client_encoding = 'LATIN1'",
            "standard_conforming_strings = off",
            "datestyle = 'German'",
            "quote_all_identifiers = on",
        ),
    ],
)
def test_settings_of_the_database_change_nothing(
    postgres: Postgres, run: Run, made: str, changes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    url = postgres.create(made)
    postgres.alter(made, *(f"SET {change}" for change in changes))
    run(url, _works)


def test_a_database_without_an_encoding_holds_any_text(postgres: Postgres, run: Run, made: str) -> None:
    run(postgres.create_in("SQL_ASCII", made), _works)


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "MULE_INTERNAL"])
def test_an_encoding_that_lacks_characters_is_named(postgres: Postgres, run: Run, made: str, encoding: str) -> None:
    async def work(db: Database) -> None:
        with pytest.raises(DatabaseUnavailable, match=encoding):
            await schema.upgrade(db)

    run(postgres.create_in(encoding, made), work)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_writers_at_once_wait_for_each_other_whatever_the_default_isolation(
    postgres: Postgres, run: Run, made: str, level: str
) -> None:
    url = postgres.create(made)
    postgres.alter(made, f"SET default_transaction_isolation = '{level}'")

    async def work(one: Database) -> None:
        await schema.upgrade(one)
        two = open_database(url, connections=4)
        try:
            await asyncio.gather(
                *(_add(db, f"{at} {number}") for at, db in enumerate((one, two)) for number in range(20))
            )
        finally:
            await two.close()
        assert await one.version() == 40

    run(url, work)


def test_where_no_table_can_be_made_it_is_one_sentence(postgres: Postgres, run: Run, made: str) -> None:
    url = postgres.create(made)
    postgres.alter(made, "SET search_path = 'nowhere'")

    async def work(db: Database) -> None:
        with pytest.raises(DatabaseUnavailable, match="no schema has been selected") as raised:
            await schema.upgrade(db)
        assert raised.value.outage is Outage.OTHER_SCHEMA

    run(url, work)
