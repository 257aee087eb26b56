"""Brings the database's schema to the one that this program knows, or says in one line why it cannot."""

from pathlib import Path

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, DatabaseUnavailable, Outage
from bayplan.errors import CannotStart

_MIGRATIONS = Path(__file__).parent / "migrations"
# Every schema that this program knows, oldest first: each migration's file name begins with its own.
REVISIONS = tuple(sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")))
HEAD = REVISIONS[-1]


async def revision(db: Database) -> str | None:
    """Gives the schema that the database has, None where it is empty."""
    return await db.run_sync(revision_of)


async def is_empty(db: Database) -> bool:
    """Whether the database has no tables at all."""
    return await db.run_sync(lambda connection: not sa.inspect(connection).get_table_names())


async def upgrade(db: Database, target: str = HEAD) -> tuple[str | None, str]:
    """Brings the schema up to `target`; gives where it was and where it is. One transaction: all or nothing.

    Raises `CannotStart` for a schema newer than the program, and for a database that is not bayplan's.
    """

    def work(connection: sa.Connection) -> tuple[str | None, str]:
        before = revision_of(connection)
        if before is not None and before not in REVISIONS:
            raise CannotStart(
                f"The database has the schema '{before}', which is newer than that of this bayplan ('{HEAD}'): run the "
                "release that made it, or a later one."
            )
        present = set() if before is not None else set(sa.inspect(connection).get_table_names())
        if present >= {"alembic_version", "catalogue"}:
            raise CannotStart(
                "The database lacks its schema number (the row of the table alembic_version): restore a backup."
            )
        if present - {"alembic_version"}:
            raise CannotStart("The database has tables of another program: give bayplan a database of its own.")
        if before != target:
            _alembic(connection, "upgrade", target)
        return before, target

    return await db.run_sync(work)


async def check_whole(db: Database) -> None:
    """Raises `DatabaseUnavailable` where the database lacks tables or columns that this program uses."""

    missing = await db.run_sync(lacking)
    if missing:
        raise DatabaseUnavailable(
            f"The database lacks {', '.join(missing)}: stop the server and restore a backup.",
            Outage.OTHER_SCHEMA,
        )


def lacking(connection: sa.Connection) -> list[str]:
    """Gives the tables and columns that this program uses and the database lacks."""
    columns = sa.inspect(connection).get_multi_columns()
    present = {name: {column["name"] for column in some} for (_, name), some in columns.items()}
    missing = []
    for name, table in sorted(tables.metadata.tables.items()):
        if name not in present:
            missing.append(f"the table {name}")
        else:
            missing += [f"the column {name}.{c.name}" for c in table.columns if c.name not in present[name]]
    return missing


async def downgrade(db: Database, target: str) -> None:
    """Takes the schema back to `target` ("base": to nothing, and with it all data)."""
    await db.run_sync(lambda connection: _alembic(connection, "downgrade", target))


def revision_of(connection: sa.Connection) -> str | None:
    """Gives the schema that the database of a connection has, None where it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if version is None else str(version)


def _alembic(connection: sa.Connection, command: str, target: str) -> None:
    # Imported here: a start over a schema that is up to date does not need it, and it is slow to import.
    from alembic import command as commands
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    getattr(commands, command)(config, target)
