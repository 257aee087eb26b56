"""Reads that go to psycopg directly: as fresh as any other, shared by those who wait, and through with a broken connection."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa

from bayplan.db import schema, tables
from bayplan.db.change_entry import ChangeEntry
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, DatabaseUnavailable
from bayplan.db.engines import open_database
from tests.inprocess import Loop
from tests.postgres import Postgres

DATABASE = "reads"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """The address of an empty database."""
    yield postgres.create(DATABASE)
    postgres.drop(DATABASE)


@pytest.fixture
def run(url: str, loop: Loop) -> Callable[[Callable[[Database], Awaitable[None]]], None]:
    """Does something with a database that has the schema, through few connections."""

    def run(work: Callable[[Database], Awaitable[None]]) -> None:
        async def opened() -> None:
            db = open_database(url, connections=4)
            try:
                await schema.upgrade(db)
                await work(db)
            finally:
                await db.close()

        loop.run(opened())

    return run


Run = Callable[[Callable[[Database], Awaitable[None]]], None]


def _end_all_connections(postgres: Postgres) -> None:
    with closing(psycopg.connect(postgres.url("postgres"), autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [DATABASE]
        ).fetchall()


def test_who_asks_for_the_version_gets_what_was_committed_before(run: Run) -> None:
    async def work(db: Database) -> None:
        for number in range(1, 30):
            others = [asyncio.ensure_future(db.version()) for _ in range(3)]
            await asyncio.sleep(0)  # their read is under way
            async with db.write() as tx:
                assert tx.version == number
                tx.entries.append(ChangeEntry("docker", number, "change"))
            assert await db.version() == number
            assert {number - 1, number} >= set(await asyncio.gather(*others))

    run(work)


def test_all_who_wait_share_a_read(run: Run, url: str) -> None:
    async def work(db: Database) -> None:
        with closing(psycopg.connect(url, autocommit=True)) as connection:

            def reads() -> int:
                connection.execute("SELECT pg_stat_clear_snapshot()")
                (count,) = connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = %s", [DATABASE])
                return int(count[0])

            before = reads()
            assert set(await asyncio.gather(*(db.version() for _ in range(500)))) == {0}
            await asyncio.sleep(1.2)  # statistics are handed in once a second
            await db.version()
            await asyncio.sleep(0.2)
            assert reads() - before < 50

    run(work)


def test_a_connection_that_was_ended_is_replaced(run: Run, postgres: Postgres) -> None:
    names = CompiledStatement(sa.select(tables.domains.c.name))

    async def work(db: Database) -> None:
        for _ in range(2):
            assert await db.version() == 0
            assert await db.fetch(names, lambda rows: list(rows)) == []
            _end_all_connections(postgres)

    run(work)


@pytest.mark.parametrize(("ended", "is_read"), [(1, True), (2, False)])
def test_a_read_whose_connection_is_ended_is_tried_once_more(run: Run, url: str, *, ended: int, is_read: bool) -> None:
    ends = sa.text(
        f"SELECT CASE WHEN nextval('attempts') <= {ended} THEN pg_terminate_backend(pg_backend_pid(), 5000) END"
    )

    async def work(db: Database) -> None:
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute("CREATE SEQUENCE attempts")
        if is_read:
            assert await db.fetch(ends, lambda rows: [row[0] for row in rows]) == [None]
        else:
            with pytest.raises(DatabaseUnavailable, match="terminating connection"):
                await db.fetch(ends, lambda rows: list(rows))
        assert await db.version() == 0

    run(work)


def test_a_database_that_is_gone_is_reported_and_used_again(run: Run, postgres: Postgres) -> None:
    names = CompiledStatement(sa.select(tables.domains.c.name))

    async def work(db: Database) -> None:
        assert await db.version() == 0
        with closing(psycopg.connect(postgres.url("postgres"), autocommit=True)) as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
            _end_all_connections(postgres)
            asked = await asyncio.gather(*(db.version() for _ in range(3)), return_exceptions=True)
            assert {type(answer) for answer in asked} == {DatabaseUnavailable}
            with pytest.raises(DatabaseUnavailable, match=f"127.0.0.1/{DATABASE} cannot be used"):
                await db.fetch(names, lambda rows: list(rows))
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
        assert await db.version() == 0
        assert await db.fetch(names, lambda rows: list(rows)) == []

    run(work)


def test_a_read_that_is_cancelled_leaves_its_connection_to_nobody(run: Run) -> None:
    slow = CompiledStatement(sa.select(sa.func.pg_sleep(30)))
    number = CompiledStatement(sa.select(sa.literal(7)))

    async def work(db: Database) -> None:
        task = asyncio.ensure_future(db.fetch(slow, lambda rows: rows))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # There is one connection for these: it is free again, and has no answer of another's left in it.
        assert await asyncio.wait_for(db.fetch(number, lambda rows: rows[0][0]), 5) == 7

    run(work)


def test_the_parameters_of_a_compiled_statement_are_bound(run: Run) -> None:
    columns = tables.domains.c
    some = CompiledStatement(sa.select(columns.name).where(columns.name.in_(["a%s", "b", "c"])).order_by(columns.name))
    later = CompiledStatement(
        sa.select(columns.name)
        .where(columns.name != "100%", columns.pk > sa.bindparam("after", type_=sa.BigInteger))
        .order_by(columns.name)
    )

    async def work(db: Database) -> None:
        async with db.write() as tx:
            rows = [{"name": name, "description": "", "revision": 1} for name in ("a%s", "b", "d")]
            await tx.execute(sa.insert(tables.domains), rows)
            tx.entries.append(ChangeEntry("domains", None, "create"))
        assert await db.fetch(some, lambda rows: [row[0] for row in rows]) == ["a%s", "b"]
        for after, names in ((0, ["a%s", "b", "d"]), (1, ["b", "d"]), (9, [])):
            assert await db.fetch(later, lambda rows: [row[0] for row in rows], {"after": after}) == names

    run(work)
