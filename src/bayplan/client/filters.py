"""Filter expressions for `list`, written as calls: the JSON they make is the API's own (`exact`, `contains`, ...)."""

from typing import Literal

Value = bool | int | float | str
Expression = dict[str, object]


def exact(field: str, value: Value, *, case_insensitive: bool = False, invert: bool = False) -> Expression:
    """Objects whose `field` is `value`; of a field with many values (`tasks`), any of them."""
    return _expression("exact", field=field, value=value, case_insensitive=case_insensitive, invert=invert)


def contains(field: str, sub_string: str, *, case_insensitive: bool = False, invert: bool = False) -> Expression:
    """Objects whose text `field` has `sub_string` in it."""
    return _expression("contains", field=field, sub_string=sub_string, case_insensitive=case_insensitive, invert=invert)


def is_null(field: str, *, invert: bool = False) -> Expression:
    """Objects whose `field` is not set; inverted, those where it is."""
    return _expression("is_null", field=field, invert=invert)


def compare(field: str, operator: Literal["<", "<=", ">", ">="], value: Value, *, invert: bool = False) -> Expression:
    """Objects whose `field` is on that side of `value`; fields that hold versions compare as versions (9.2 < 10.1)."""
    return _expression("compare", field=field, operator=operator, value=value, invert=invert)


def both(*expressions: Expression, invert: bool = False) -> Expression:
    """Objects that satisfy all of the expressions."""
    return _expression("and", sub_expressions=list(expressions), invert=invert)


def any_of(*expressions: Expression, invert: bool = False) -> Expression:
    """Objects that satisfy at least one of the expressions."""
    return _expression("or", sub_expressions=list(expressions), invert=invert)


def _expression(kind: str, **parts: object) -> Expression:
    return {"type": kind} | {name: part for name, part in parts.items() if part is not False or name == "value"}


def order(fields: tuple[str, ...]) -> list[Expression]:
    """The `order_by` of a list: "name" ascending, "-name" descending."""
    return [{"field": field.removeprefix("-"), "ascending": not field.startswith("-")} for field in fields]
