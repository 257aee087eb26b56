"""The nodes that label selectors choose, as expressions of a filter of the API: the same for a matrix and for a prefetch rule."""

from collections.abc import Mapping
from typing import Any

from bayplan.domain.node_selectors import label_parts, label_test
from bayplan.errors import Invalid


def of_labels(text: str) -> list[Mapping[str, Any]]:
    """Gives an expression for each selector in a text such as "zone=a, !spare"; raises `Invalid`."""
    return [_of_label(part) for part in label_parts(text)]


def _of_label(text: str) -> Mapping[str, Any]:
    try:
        test = label_test(text)
    except Invalid as error:
        raise Invalid(f"{text!r} {error.detail}", code=error.code) from None
    field = f"labels.{test.key}"
    inverted = {"invert": True} if test.is_inverted else {}
    if not test.values:
        return {"type": "is_null", "field": field, **({} if test.is_inverted else {"invert": True})}
    either = [{"type": "exact", "field": field, "value": value} for value in test.values]
    return {**(either[0] if len(either) == 1 else {"type": "or", "sub_expressions": either}), **inverted}
