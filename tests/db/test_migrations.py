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
        ("DROP TABLE alembic_version", r"tables that are not bayplan's"),
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
