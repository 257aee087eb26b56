"""Labels of nodes: a key with a value for each, by the rules of Kubernetes, so that a node has the same labels there and here.

The rules: kubernetes/apimachinery, `pkg/util/validation/validation.go`, `IsQualifiedName` and `IsValidLabelValue`.
"""

import re
from collections.abc import Mapping

from bayplan.errors import Invalid

MOST_LABELS = 64
"""How many labels a node can have."""

MOST_KEY_CHARACTERS = 253 + 1 + 63
_MOST_NAME, _MOST_PREFIX = 63, 253
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_FORM = "1 to 63 letters, digits, '-', '_' and '.', with a letter or digit at either end"


def label_key(text: str) -> str:
    """Gives the key of a label: `zone`, `gpu.tier` or, with a prefix, `example.org/rack`. Raises `Invalid`."""
    prefix, slash, name = text.rpartition("/")
    if not _is_name(name):
        raise Invalid(f"has the key {text!r}: a key must be {_FORM}", code="bad_label")
    if slash and (len(prefix) > _MOST_PREFIX or _PREFIX.fullmatch(prefix) is None):
        raise Invalid(
            f"has the key {text!r}: before its '/' must be a domain in lower case, such as 'example.org'",
            code="bad_label",
        )
    return text


def label_value(key: str, text: str) -> str:
    """Gives the value of the label with that key; it may be empty. Raises `Invalid`."""
    if text and not _is_name(text):
        raise Invalid(
            f"has the value {text!r} for {key!r}: a value must be empty, or {_FORM}",
            code="bad_label",
        )
    return text


def labels(values: Mapping[str, str]) -> dict[str, str]:
    """Gives labels in the order of their keys; raises `Invalid` at the first that is none, or where there are too many."""
    if len(values) > MOST_LABELS:
        raise Invalid(f"must have {MOST_LABELS} labels at most", code="too_many_labels")
    return {label_key(key): label_value(key, value) for key, value in sorted(values.items())}


def merged(old: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Gives the labels with these changes, of which None removes one; raises `Invalid` where they are too many."""
    new = {**old, **changes}
    return labels({key: value for key, value in new.items() if value is not None})


def _is_name(text: str) -> bool:
    return len(text) <= _MOST_NAME and _NAME.fullmatch(text) is not None
