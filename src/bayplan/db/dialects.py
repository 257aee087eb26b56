"""The SQL that SQLite and PostgreSQL spell differently, as constructs that compile to the right words on each.

Together with `sqlite` and `postgresql` this is all that knows which database it is.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class folded(GenericFunction[str]):  # noqa: N801  # reads as the SQL function that it is
    """A text in lower case: by Unicode's rules on SQLite (whose own `lower` knows ASCII only), by those of the database's
    locale on PostgreSQL (builds without ICU are common, so no collation of its is named)."""

    type = sa.Text()
    inherit_cache = True


class position_of(GenericFunction[int]):  # noqa: N801  # reads as the SQL function that it is
    """`position_of(text, part)`: where `part` first lies in `text`, from 1; 0 where it does not. Minds the case."""

    type = sa.Integer()
    inherit_cache = True


class elements_of(GenericFunction[str]):  # noqa: N801  # reads as the SQL function that it is
    """The elements of a JSON array of text, as a table with one column `value`."""

    inherit_cache = True


class label_of(GenericFunction[str]):  # noqa: N801  # reads as the SQL function that it is
    """`label_of(labels, key)`: the text at that key of a JSON object of text, null where it has none."""

    type = sa.Text()
    inherit_cache = True


def _call(name: str, element: GenericFunction[Any], compiler: SQLCompiler, options: dict[str, Any]) -> str:
    return f"{name}({', '.join(compiler.process(clause, **options) for clause in element.clauses)})"


@compiles(folded, "sqlite")
def _(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return _call("bayplan_folded", element, compiler, options)


@compiles(folded, "postgresql")
def _(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = element.clauses
    return f'lower(({compiler.process(text, **options)}) COLLATE "default") COLLATE "C"'


@compiles(position_of, "sqlite")
def _(element: position_of, compiler: SQLCompiler, **options: Any) -> str:
    return _call("instr", element, compiler, options)


@compiles(position_of, "postgresql")
def _(element: position_of, compiler: SQLCompiler, **options: Any) -> str:
    return _call("strpos", element, compiler, options)


@compiles(elements_of, "sqlite")
def _(element: elements_of, compiler: SQLCompiler, **options: Any) -> str:
    return _call("json_each", element, compiler, options)


@compiles(elements_of, "postgresql")
def _(element: elements_of, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = element.clauses
    return f"json_array_elements_text(({compiler.process(text, **options)})::json)"


@compiles(label_of, "sqlite")
def _(element: label_of, compiler: SQLCompiler, **options: Any) -> str:
    labels, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({labels}, '$.\"' || {key} || '\"')"


@compiles(label_of, "postgresql")
def _(element: label_of, compiler: SQLCompiler, **options: Any) -> str:
    labels, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f'((({labels})::json ->> CAST({key} AS TEXT)) COLLATE "C")'
