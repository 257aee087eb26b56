"""The schema: made from nothing and taken back on both databases, and the same as the tables that the program uses."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import bayplan.db
from bayplan.db import schema, tables
from bayplan.db.database import Database
from bayplan.db.engines import open_database
from bayplan.errors import CannotStart
from tests.inprocess import Loop


async def _table_names(db: Database) -> set[str]:
    return await db.run_sync(lambda connection: set(sa.inspect(connection).get_table_names()))


def test_migrations_go_from_nothing_and_back_and_again(database_url: str, loop: Loop) -> None:
    async def work() -> None:
        db = open_database(database_url)
        try:
            assert await schema.upgrade(db) == (None, schema.HEAD)
            assert await schema.upgrade(db) == (schema.HEAD, schema.HEAD)
            assert await _table_names(db) >= set(tables.metadata.tables)
            assert await db.version() == 0
            await schema.downgrade(db, "base")
            assert await _table_names(db) <= {"alembic_version"}
            assert await schema.revision(db) is None
            assert await schema.upgrade(db) == (None, schema.HEAD)
        finally:
            await db.close()

    loop.run(work())


def test_the_migrations_make_the_tables_that_the_program_uses(database_url: str, loop: Loop) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))

    async def work() -> list[object]:
        db = open_database(database_url)
        try:
            await schema.upgrade(db)
            return await db.run_sync(differences)
        finally:
            await db.close()

    assert loop.run(work()) == []


def test_nodes_of_a_server_without_workers_stay_through_the_migration_and_back(database_url: str, loop: Loop) -> None:
    def add(connection: sa.Connection) -> None:
        connection.execute(
            sa.text("INSERT INTO nodes (ip, \"index\", token_epoch, revision) VALUES ('192.0.2.1', 0, 3, 1)")
        )

    def ips(connection: sa.Connection) -> list[str]:
        return [row[0] for row in connection.execute(sa.text("SELECT ip FROM nodes"))]

    async def work() -> None:
        db = open_database(database_url)
        try:
            await schema.upgrade(db, "0002")
            await db.run_sync(add)
            await schema.upgrade(db)
            assert await db.run_sync(ips) == ["192.0.2.1"]
            await schema.downgrade(db, "0002")
            assert await db.run_sync(ips) == ["192.0.2.1"]
            assert not await _table_names(db) & {"workers", "worker_nodes", "join_tokens"}
        finally:
            await db.close()

    loop.run(work())


def test_the_program_knows_every_migration_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(bayplan.db.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == schema.REVISIONS


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", r"schema '9999', which is newer"),
        ("DROP TABLE alembic_version", r"tables of another program"),
    ],
)
def test_a_schema_that_is_not_ours_is_left_alone(database_url: str, loop: Loop, statement: str, message: str) -> None:
    async def work() -> None:
        db = open_database(database_url)
        try:
            await schema.upgrade(db)
            await db.run_sync(lambda connection: connection.execute(sa.text(statement)))
            before = await _table_names(db)
            with pytest.raises(CannotStart, match=message) as caught:
                await schema.upgrade(db)
            assert re.search(r"[:.] ?[a-z].*\.$", str(caught.value)), "says what to do"
            assert await _table_names(db) == before
        finally:
            await db.close()

    loop.run(work())


def test_old_spellings_become_todays_where_that_collides_with_no_other(
    database_url: str, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    # The spelling before and after: 2 and 3 are one machine, and so are 4 and the untouched 5.
    nodes = {
        "2001:DB8::1": "2001:db8::1",
        "BOX3": "box3",
        "box3.": "box3.",
        "::ffff:192.0.2.9": "::ffff:192.0.2.9",
        "192.0.2.9": "192.0.2.9",
        "010.0.0.1": "010.0.0.1",  # of no form that is taken today
    }
    frameworks = {"n\u0303andu": "\xf1andu", "JAX ": "JAX", "Torch": "Torch", "Torch ": "Torch "}

    def add(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE catalogue SET version = 7"))
        for ip in nodes:
            values = {"ip": ip, "index": 0, "revision": 5}
            connection.execute(sa.insert(tables.nodes).values(values))
        for name in frameworks:
            values = {"name": name, "version": "1", "version_key": "7", "revision": 5}
            connection.execute(sa.insert(tables.frameworks).values(values))

    def rows(connection: sa.Connection) -> tuple[list[str], list[str], list[int], list[tuple[str, str]]]:
        names = [row[0] for row in connection.execute(sa.text("SELECT name FROM frameworks ORDER BY pk"))]
        stored = list(connection.execute(sa.text("SELECT ip, revision FROM nodes ORDER BY pk")))
        log = sa.text("SELECT resource, fields FROM changes WHERE version = 8 ORDER BY position")
        return (
            [row[0] for row in stored],
            names,
            [row[1] for row in stored],
            [(row[0], row[1]) for row in connection.execute(log)],
        )

    async def work() -> None:
        db = open_database(database_url)
        try:
            await schema.upgrade(db, "0007")
            await db.run_sync(add)
            await schema.upgrade(db)
            ips, names, revisions, log = await db.run_sync(rows)
            assert (ips, names) == (list(nodes.values()), list(frameworks.values()))
            assert revisions == [8, 8, 5, 5, 5, 5], "entity tags of what changed are new"
            assert [resource for resource, _ in log] == ["nodes", "nodes", "frameworks", "frameworks"]
            assert '["BOX3", "box3"]' in log[1][1]
            assert await db.version() == 8
        finally:
            await db.close()

    loop.run(work())
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert ["'box3.'" in text or "'::ffff" in text or "'Torch '" in text for text in warnings] == [True] * 3
    assert all("remove one of them" in text for text in warnings)
