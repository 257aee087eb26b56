"""Places in an ordered list, from which it goes on whatever is added or deleted meanwhile: the last object's values and its pk."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db.resource_types import Kind
from bayplan.errors import Invalid
from bayplan.schemas.common import MAX_INTEGER
from bayplan.schemas.filters import Order

_NAME_BYTES = 6
_MOST_CHARACTERS = 16_384
PK = "after_pk"
"""The parameter with the pk of the last object."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place behind an object: its values in the fields of the order, and its pk. `order` names the list's order."""

    order: str
    values: tuple[Any, ...]
    pk: int

    @property
    def nulls(self) -> tuple[bool, ...]:
        """Which of the values are null: what a statement depends on."""
        return tuple(value is None for value in self.values)

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.order, *self.values, self.pk])).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Term:
    """A field of an order: what it orders by, and how."""

    column: sa.ColumnElement[Any]
    kind: Kind
    ascending: bool
    nulls_first: bool

    @property
    def directed(self) -> sa.ColumnElement[Any]:
        """The term of an ORDER BY."""
        directed = self.column.asc() if self.ascending else self.column.desc()
        return directed.nulls_first() if self.nulls_first else directed.nulls_last()


def order_name(resource: str, orders: Sequence[Order] = ()) -> str:
    """Gives the name of a list's order, which its cursors carry."""
    text = repr((resource, [(order.field, order.ascending, order.nulls_first) for order in orders]))
    digest = hashlib.blake2b(text.encode(), digest_size=_NAME_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


def read_cursor(text: str) -> Cursor:
    """Gives the cursor in a text; raises `Invalid` for one that this server did not write."""
    try:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError
        parts = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        order, *values, pk = parts
        if not isinstance(order, str) or type(pk) is not int or not 0 <= pk <= MAX_INTEGER:
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        raise _foreign() from None
    return Cursor(order, tuple(values), pk)


def behind(terms: Sequence[Term], nulls: Sequence[bool], pk: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Gives the condition that a row lies behind a cursor, whose values are parameters; raises `Invalid`."""
    if len(terms) != len(nulls):
        raise _foreign()
    clause: sa.ColumnElement[bool] = pk > sa.bindparam(PK, type_=sa.BigInteger)
    for number, (term, is_null) in reversed(list(enumerate(zip(terms, nulls, strict=True)))):
        column, value = term.column, sa.bindparam(f"after_{number}", type_=term.column.type)
        further: sa.ColumnElement[bool]
        if is_null:
            further = column.is_not(None) if term.nulls_first else sa.false()
            clause = sa.or_(further, sa.and_(column.is_(None), clause))
        else:
            further = column > value if term.ascending else column < value
            has_nulls = getattr(column, "nullable", True)
            if has_nulls and not term.nulls_first:
                further = sa.or_(further, column.is_(None))
            clause = sa.or_(further, sa.and_(column == value, clause))
            if number == 0 and not has_nulls:  # where the column has an index, the rows before are not read
                clause = sa.and_(column >= value if term.ascending else column <= value, clause)
    return clause


_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.INTEGER: (int,),
    Kind.REFERENCE: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool, int),
    Kind.TEXT: (str,),
    Kind.TIME: (str,),
    Kind.VERSION: (str,),
}


def parameters(cursor: Cursor, kinds: Sequence[Kind], order: str) -> dict[str, Any]:
    """Gives a cursor's values as parameters of `behind`; raises `Invalid` for the cursor of another list."""
    if cursor.order != order or len(cursor.values) != len(kinds):
        raise _foreign()
    values: dict[str, Any] = {PK: cursor.pk}
    for number, (value, kind) in enumerate(zip(cursor.values, kinds, strict=True)):
        if value is None:
            continue
        if type(value) not in _TYPES[kind] or (isinstance(value, str) and "\0" in value):
            raise _foreign()
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise _foreign()
        values[f"after_{number}"] = bool(value) if kind is Kind.BOOLEAN else value
    return values


def _foreign() -> Invalid:
    return Invalid.at(
        "after",
        "bad_cursor",
        "The parameter 'after' must be the value from the link to the next page of this list, in this order.",
    )
