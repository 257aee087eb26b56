"""Filters in words, as commands and pages show those of a prefetch rule."""

from collections.abc import Mapping, Sequence
from typing import Any

Specification = Mapping[str, Sequence[Mapping[str, Any]]]

_VERBS = {"exact": "is", "contains": "has", "is_null": "is not set", "isnull": "is not set", "and": "and", "or": "or"}


def in_words(specification: Specification) -> str:
    """A filter in a line: "tasks is train and (domain is od or domain is is)"; "all" for a filter without expressions."""
    return " and ".join(_expression(expression) for expression in specification["expressions"]) or "all"


def order_in_words(specification: Specification) -> str:
    """The order of a filter in a line: "framework.version (last first), name"; empty where it has none."""
    return ", ".join(
        f"{key['field']}{'' if key.get('ascending', True) else ' (last first)'}" for key in specification["order_by"]
    )


def _expression(expression: Mapping[str, Any]) -> str:
    kind = expression["type"]
    if kind in ("and", "or"):
        text = f" {kind} ".join(_expression(part) for part in expression["sub_expressions"])
        text = f"({text})" if len(expression["sub_expressions"]) > 1 else text
    else:
        value = expression.get("value", expression.get("sub_string"))
        verb = expression["operator"] if kind == "compare" else _VERBS[kind]
        text = f"{expression['field']} {verb}" + ("" if value is None else f" {value}")
    return f"not {text}" if expression.get("invert") else text
