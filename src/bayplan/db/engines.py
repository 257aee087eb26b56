"""Opens the database that an address names: the one place that chooses between SQLite and PostgreSQL."""

from bayplan.db.database import Database
from bayplan.db.postgresql import PostgresDatabase
from bayplan.db.sqlite import SqliteDatabase


def open_database(url: str, *, connections: int = 10) -> Database:
    """Gives the database at `url` (`sqlite:///path`, `postgresql://...`), without connecting yet."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url.removeprefix("sqlite:///"))
    return PostgresDatabase(url, connections=connections)
