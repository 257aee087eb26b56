"""Expressions of the filter language, as bodies of requests have them."""

from typing import Any

Expression = dict[str, Any]


def exact(field: str, value: object, **options: bool) -> Expression:
    return {"type": "exact", "field": field, "value": value, **options}


def contains(field: str, text: str, **options: bool) -> Expression:
    return {"type": "contains", "field": field, "sub_string": text, **options}


def is_null(field: str, **options: bool) -> Expression:
    return {"type": "is_null", "field": field, **options}


def compare(field: str, operator: str, value: object, **options: bool) -> Expression:
    return {"type": "compare", "field": field, "operator": operator, "value": value, **options}


def all_of(*parts: Expression, **options: bool) -> Expression:
    return {"type": "and", "sub_expressions": list(parts), **options}


def any_of(*parts: Expression, **options: bool) -> Expression:
    return {"type": "or", "sub_expressions": list(parts), **options}
