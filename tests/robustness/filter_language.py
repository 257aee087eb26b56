"""The filter language evaluated over plain Python rows: what the databases' answers are compared with.

Written from section 6 of the API's specification, and as simply as it can be: no SQL, no nulls that spread.
"""

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Expression = dict[str, Any]

VERSIONS = frozenset({"cuda_version.version", "cuda_version.min_driver_version", "framework.version"})


def version(text: str) -> tuple[int, ...]:
    """What a version of digits and dots is compared by: 2.4 and 2.4.0 are one."""
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _holds(value: Any, test: Callable[[Any], bool]) -> bool:
    """Whether any value of the field passes; null passes nothing."""
    values = value if isinstance(value, list) else [value]
    return any(test(each) for each in values if each is not None)


def _minds_case(expression: Expression) -> bool:
    """Tasks match whatever the case."""
    return not expression.get("case_insensitive") and expression["field"] != "tasks"


def _exact(expression: Expression, value: Any) -> bool:
    expected = expression["value"]
    if isinstance(expected, str) and not _minds_case(expression):
        return _holds(value, lambda each: each.lower() == expected.lower())
    return _holds(value, lambda each: bool(each == expected))


def _contains(expression: Expression, value: Any) -> bool:
    part = expression["sub_string"]
    if not _minds_case(expression):
        return _holds(value, lambda each: part.lower() in each.lower())
    return _holds(value, lambda each: part in each)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


def _ordered(field: str, value: Any) -> Any:
    if isinstance(value, str):
        return version(value) if field in VERSIONS else value.encode()
    return value


def _compare(expression: Expression, value: Any) -> bool:
    field, right = expression["field"], _ordered(expression["field"], expression["value"])
    return _holds(value, lambda each: COMPARE[expression["operator"]](_ordered(field, each), right))


TESTS = {"exact": _exact, "contains": _contains, "compare": _compare}


def matches(expression: Expression, row: Row) -> bool:
    """Whether the row is one that the expression finds."""
    kind = expression["type"]
    if kind == "and":
        matched = all(matches(part, row) for part in expression["sub_expressions"])
    elif kind == "or":
        matched = any(matches(part, row) for part in expression["sub_expressions"])
    else:
        value = row[expression["field"]]
        matched = value is None if kind == "is_null" else TESTS[kind](expression, value)
    return matched is not expression.get("invert", False)


def arranged(rows: list[Row], orders: list[dict[str, Any]]) -> list[Row]:
    """The rows in order; null comes last unless the order says `nulls_first`, and the pk breaks ties."""
    rows = sorted(rows, key=lambda row: int(row["pk"]))
    for order in reversed(orders):
        field = order["field"]
        some = [row for row in rows if row[field] is not None]
        keys = {row["pk"]: _ordered(field, row[field]) for row in some}
        some.sort(key=lambda row, keys=keys: keys[row["pk"]], reverse=not order.get("ascending", True))  # type: ignore[misc]  # keys of one type
        none = [row for row in rows if row[field] is None]
        rows = none + some if order.get("nulls_first") else some + none
    return rows
