"""Which prefetch rules name an object, and which are only about what it has."""

from typing import Any

import pytest

from bayplan.domain.prefetch import names_object

NAMES, OTHERS = {"pk": 7, "name": "pytorch"}, {"version": "2.4"}


def exact(field: str, value: object, **more: object) -> dict[str, Any]:
    """An expression of a filter."""
    return {"type": "exact", "field": field, "value": value, **more}


def group(kind: str, *parts: dict[str, Any], **more: object) -> dict[str, Any]:
    """Expressions of a filter together."""
    return {"type": kind, "sub_expressions": list(parts), **more}


NAME, VERSION, TASK = exact("name", "pytorch"), exact("version", "2.4"), exact("tasks", "train")


@pytest.mark.parametrize(
    ("expressions", "is_named"),
    [
        ([], False),
        ([TASK], False),
        ([VERSION], False),
        ([NAME], True),
        ([NAME, TASK], True),
        ([exact("pk", 7)], True),
        ([exact("pk", 8)], False),
        ([exact("name", "PyTorch", case_insensitive=True)], True),
        ([exact("name", "PyTorch")], False),
        ([group("and", NAME, VERSION)], True),
        ([group("and", NAME, exact("version", "2.5"))], False),
        ([group("or", exact("name", "other"), group("and", NAME, VERSION))], True),
        ([group("or", exact("name", "other"), TASK)], False),
        ([exact("name", "pytorch", invert=True)], False),
        ([exact("name", "other", invert=True)], False),
        ([NAME, exact("version", "2.4", invert=True)], False),
        ([NAME, exact("version", "2.5", invert=True)], True),
        ([group("or", NAME, invert=True)], False),
        ([NAME, group("and", exact("name", "other"), invert=True)], True),
        ([NAME, {"type": "compare", "field": "version", "operator": ">=", "value": "2.5"}], True),
    ],
    ids=str,
)
def test_a_rule_names_an_object(expressions: list[dict[str, Any]], is_named: bool) -> None:
    assert names_object({"expressions": expressions}, NAMES, OTHERS) is is_named
