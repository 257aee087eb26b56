"""Opens the database that an address names: the one place that chooses between SQLite and PostgreSQL."""

from bayplan.db.database import Database
from bayplan.db.postgresql import PostgresDatabase
from bayplan.db.sqlite import SqliteDatabase


def open_database(url: str, *, connections: int = 10, makes_file: bool = True) -> Database:
    """Gives the database at `url` (`sqlite:///path`, `postgresql://...`), without connecting yet.

    `makes_file` is whether an embedded one is made where there is none.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url.removeprefix("sqlite:///"), makes_file=makes_file)
    return PostgresDatabase(url, connections=connections)
