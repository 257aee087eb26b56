"""Statements that are asked again and again: compiled once, then run with the driver alone.

For a query of one row, SQLAlchemy spends several times longer on the statement than the database does.
"""

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db.dialects import elements_of


class CompiledStatement:
    """A statement whose parameters and rows are plain values, which need no processing by SQLAlchemy's types."""

    def __init__(self, statement: sa.Select[Any] | sa.UpdateBase, *, is_long: bool = False) -> None:
        self.statement: Any = statement
        self.is_long = is_long
        """Whether it was too long for the event loop when it was last timed."""
        self._compiled: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def for_driver(self, dialect: sa.Dialect) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        """Gives the SQL, the names of its parameters in their order, and the values of those that are fixed."""
        made = self._compiled.get(dialect.name)
        if made is None:
            compiled = self.statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
            made = self._compiled[dialect.name] = (
                str(compiled),
                tuple(compiled.positiontup or ()),
                dict(compiled.params),
            )
        return made


def is_one_of(column: sa.Column[int]) -> sa.ColumnElement[bool]:
    """Gives the condition that a column is one of `pks`, a parameter: one statement for any number of them."""
    each = elements_of(sa.bindparam("pks", type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(sa.cast(each.c.value, sa.BigInteger)).select_from(each))


def pks_parameter(pks: Iterable[int]) -> dict[str, str]:
    """Gives the parameter for a statement with `is_one_of`."""
    return {"pks": orjson.dumps(list(pks)).decode()}
