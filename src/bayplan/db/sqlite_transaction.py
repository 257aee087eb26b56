"""A transaction of the embedded database, as the writes in it see it."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.sql.base import Executable

from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Parameters, Rows, Transaction
from bayplan.db.sqlite_connection import driver_of, run_compiled
from bayplan.db.versioned import VersionLog


class SqliteGroup:
    """The transaction of a connection, and what each write in it sees."""

    def __init__(self, connection: sa.Connection, dialect: sa.Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def part(self, author: str | None) -> Transaction:
        """See `Group.part`."""
        return _SqliteTransaction(author, connection=self._connection, dialect=self._dialect)

    async def control(self, sql: str) -> None:
        """See `Group.control`."""
        driver_of(self._connection).execute(sql)


@dataclass(slots=True, kw_only=True)
class _SqliteTransaction(VersionLog):
    connection: sa.Connection
    dialect: sa.Dialect

    async def fetch(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> Rows:
        if isinstance(statement, CompiledStatement):
            return run_compiled(self.connection, self.dialect, statement, parameters).fetchall()
        return self.connection.execute(statement, parameters).fetchall()

    async def execute(self, statement: Executable | CompiledStatement, parameters: Parameters = None) -> int:
        if isinstance(statement, CompiledStatement):
            return run_compiled(self.connection, self.dialect, statement, parameters).rowcount
        return self.connection.execute(statement, parameters).rowcount
