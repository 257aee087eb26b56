"""Rules of a transaction and of a read on both databases."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bayplan.db import schema, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, DatabaseUnavailable, Transaction, fetch_all
from bayplan.db.dialects import elements_of, folded, position_of
from bayplan.db.engines import open_database
from bayplan.db.versioned import keep_version
from tests.inprocess import Loop

NAMES = sa.select(tables.domains.c.name).order_by(tables.domains.c.name)


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """A database with the schema and nothing in it."""
    db = open_database(url, connections=4)
    try:
        await schema.upgrade(db)
        yield db
    finally:
        await db.close()


async def _add(tx: Transaction, name: str) -> None:
    row = {"name": name, "description": "", "revision": 1}
    rows = await tx.fetch(sa.insert(tables.domains).returning(tables.domains.c.pk), row)
    tx.entries.append(ChangeEntry("domains", rows[0][0], "create", {"name": (None, name)}))


async def _names(db: Database) -> list[str]:
    return [row[0] for row in await fetch_all(db, NAMES)]


def test_an_exception_takes_everything_back_the_version_too(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:

            async def change_ones_mind() -> None:
                async with db.write() as tx:
                    assert tx.version == 1
                    await _add(tx, "lost")
                    raise RuntimeError("changed my mind")

            with pytest.raises(RuntimeError, match="changed my mind"):
                await change_ones_mind()
            assert await _names(db) == []
            assert await db.version() == 0

    loop.run(work())


def test_writers_come_one_after_the_other_and_none_is_lost(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            seen = []

            async def add(number: int) -> None:
                async with db.write() as tx:
                    rows = await tx.fetch(sa.select(sa.func.count()).select_from(tables.domains))
                    await asyncio.sleep(0)
                    await _add(tx, f"d{rows[0][0]}")
                    seen.append((tx.version, number))

            await asyncio.gather(*(add(number) for number in range(20)))
            assert sorted(version for version, _ in seen) == list(range(1, 21))
            assert await _names(db) == sorted(f"d{number}" for number in range(20))

    loop.run(work())


def test_a_writer_that_is_cancelled_leaves_nothing_and_hinders_nobody(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            entered = asyncio.Event()

            async def never_ready() -> None:
                async with db.write() as tx:
                    await _add(tx, "half")
                    entered.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(never_ready())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with db.write() as tx:
                assert tx.version == 1
                await _add(tx, "whole")
            assert await _names(db) == ["whole"]

    loop.run(work())


def test_writers_that_wait_leave_connections_to_readers(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:

            async def write(name: str) -> None:
                async with db.write() as tx:
                    await _add(tx, name)

            async with db.write() as tx:
                # More than there are connections.
                waiting = [asyncio.create_task(write(f"w{number}")) for number in range(8)]
                await asyncio.sleep(0.2)
                assert await asyncio.wait_for(db.version(), 2) == 0
                await keep_version(tx)
            await asyncio.gather(*waiting)
            assert len(await _names(db)) == 8

    loop.run(work())


def test_readers_see_what_is_committed_and_no_more(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            async with db.write() as tx:
                await _add(tx, "new")
                assert await _names(db) == []
                assert await db.version() == 0
            assert await _names(db) == ["new"]
            assert await db.version() == 1

    loop.run(work())


def test_a_query_too_long_for_the_event_loop_gives_the_same_and_lets_others_in(database_url: str, loop: Loop) -> None:
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < 300_000))
    long = CompiledStatement(sa.select(sa.func.max(numbers.c.n)))

    async def work() -> None:
        async with opened(database_url) as db:
            turns = 0

            async def others() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0.001)

            beside = asyncio.create_task(others())
            for _ in range(2):
                assert await db.fetch(long, lambda rows: rows[0][0]) == 300_000
            beside.cancel()
            assert turns > 5

    loop.run(work())


def test_a_prepared_statement_is_kept_for_as_long_as_its_owner_keeps_it(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            statement = sa.select(tables.domains.c.pk).where(tables.domains.c.name == "a filter of the moment")
            assert await db.fetch(CompiledStatement(statement), lambda rows: list(rows)) == []
            kept = weakref.ref(statement)
            del statement
            gc.collect()
            assert kept() is None

    loop.run(work())


def test_a_short_query_that_was_stopped_goes_back_to_the_event_loop(loop: Loop, tmp_path: Path) -> None:
    short = CompiledStatement(sa.select(tables.catalogue.c.version))

    async def work() -> None:
        async with opened(f"sqlite:///{tmp_path / 'bayplan.db'}") as db:
            short.is_long = True  # as it is after a moment in which the machine was busy
            for _ in range(200):  # it still is busy now and then
                assert await db.fetch(short, lambda rows: rows[0][0]) == 0
                if not short.is_long:
                    break
            assert not short.is_long

    loop.run(work())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (folded(sa.literal("GRÜN Ω", sa.Text)), "grün ω"),
        (position_of(sa.literal("Alphabet", sa.Text), sa.literal("bet", sa.Text)), 6),
        (position_of(sa.literal("Alphabet", sa.Text), sa.literal("BET", sa.Text)), 0),
        (position_of(sa.literal("100%_", sa.Text), sa.literal("%", sa.Text)), 4),
    ],
)
def test_sql_that_the_two_spell_differently_means_the_same(
    database_url: str, loop: Loop, expression: sa.ColumnElement[object], value: object
) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            assert [tuple(row) for row in await fetch_all(db, sa.select(expression))] == [(value,)]

    loop.run(work())


def test_elements_of_a_list_are_rows(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        async with opened(database_url) as db:
            async with db.write() as tx:
                lists: dict[str, object] = {
                    name: [] for name in ("domains", "permissions", "limitations", "conditions")
                }
                values = {"name": "x", "url": "", "aliases": ["Ö", "1"], "revision": 1}
                await tx.execute(sa.insert(tables.licences), lists | values)
                tx.entries.append(ChangeEntry("licences", 1, "create"))
            each = elements_of(tables.licences.c.aliases).table_valued("value")
            statement = sa.select(each.c.value).select_from(tables.licences.join(each, sa.true()))
            assert sorted(row[0] for row in await fetch_all(db, statement)) == ["1", "Ö"]

    loop.run(work())


def test_a_missing_database_is_an_error_of_one_sentence(loop: Loop, tmp_path: object) -> None:
    for url in ("postgresql://nobody:secret-word@127.0.0.1:1/none", "sqlite:////proc/none/bayplan.db"):

        async def work(url: str = url) -> None:
            db = open_database(url)
            try:
                await db.version()
            finally:
                await db.close()

        with pytest.raises(DatabaseUnavailable, match=r"cannot be used: .+\.$") as caught:
            loop.run(work())
        assert "secret-word" not in str(caught.value)


def test_an_address_may_hold_what_is_encoded_in_it() -> None:
    open_database("postgresql://a%20user:a%20pass%40word@127.0.0.1:1/a%20catalogue?application_name=x", connections=1)
