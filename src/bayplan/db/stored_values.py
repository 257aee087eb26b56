"""Values in an embedded database that bayplan did not write. SQLite takes any value in any column, and what reads it fails."""

from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.tables.columns import JsonText


def odd_values(connection: sa.Connection) -> list[str]:
    """Gives a sentence for each column with values of another type than the column's."""
    odd = []
    for table in tables.metadata.sorted_tables:
        columns = list(table.columns)
        counts = connection.execute(
            sa.select(*(sa.func.count(sa.case((_is_odd(column), 1))) for column in columns))
        ).one()
        odd += [
            f"{column} has values that bayplan did not write: {count:,} times"
            for column, count in zip(columns, counts, strict=True)
            if count
        ]
    return odd


def lost_references(connection: sa.Connection) -> list[str]:
    """Gives a sentence for each kind of reference to rows that are gone."""
    lost = connection.exec_driver_sql('SELECT DISTINCT "table", parent FROM pragma_foreign_key_check').fetchall()
    return [f"{holder} refers to a row of {target} that is gone" for holder, target in lost]


def json_fragment(text: str) -> orjson.Fragment:
    """Gives stored JSON to be put into an answer as it is. Raises `ValueError` where it is none."""
    orjson.loads(text)
    return orjson.Fragment(text)


def _is_odd(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    plain = sa.type_coerce(column, sa.types.NullType())
    if isinstance(column.type, sa.Boolean):
        is_odd = sa.or_(sa.func.typeof(plain) != "integer", sa.type_coerce(column, sa.Integer).not_in((0, 1)))
    elif isinstance(column.type, JsonText):
        # not of a BLOB, which JSON's functions fail at
        is_odd = sa.case((sa.func.typeof(plain) != "text", True), else_=sa.func.json_valid(plain) == 0)
    elif isinstance(column.type, sa.Integer):
        is_odd = sa.func.typeof(plain) != "integer"
    elif isinstance(column.type, sa.Float):
        is_odd = sa.func.typeof(plain).not_in(("real", "integer"))
    else:
        is_odd = sa.func.typeof(plain) != "text"
    return sa.and_(plain.is_not(None), is_odd)
