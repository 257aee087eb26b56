"""Labels of nodes as people type them: to set and remove them, and to choose nodes by them, as kubectl has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import UsageError
from bayplan.domain.labels import label_key, label_value
from bayplan.domain.node_selectors import label_parts, label_test
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client.filters import Expression

NewLabels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label: zone=a, or a key alone; repeat it.")
]
LabelChanges = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Set a label, or remove it by KEY-; repeat it."),
]
LabelSelectors = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        "-l",
        metavar="SELECTOR",
        help="Only with that label: zone=a, zone!=a, gpu.tier, !gpu.tier; repeat it.",
    ),
]


def new_labels(texts: Iterable[str]) -> dict[str, str]:
    """The labels in texts such as "zone=a" and "gpu.tier". Raises `UsageError`."""
    labels = label_changes(texts)
    for key, value in labels.items():
        if value is None:
            raise UsageError(f"--label {key}-: this removes a label, and a new node has none; leave it out.")
    return {key: value for key, value in labels.items() if value is not None}


def label_changes(texts: Iterable[str]) -> dict[str, str | None]:
    """The labels in texts such as "zone=a" and "gpu.tier", and None for one that is removed: "zone-". Raises `UsageError`."""
    changes: dict[str, str | None] = {}
    for text in _parts(texts):
        key, equals, value = text.partition("=")
        is_removed = not equals and key.endswith("-")
        key = _checked_key(key.removesuffix("-") if is_removed else key, text)
        if key in changes:
            raise UsageError(f"--label {text}: {key!r} is there twice; say once what it is to be.")
        changes[key] = None if is_removed else _checked_value(key, value, text)
    return changes


def selected(texts: Iterable[str]) -> list[Expression]:
    """The expressions of a filter for the nodes that all selectors choose, each as kubectl has it. Raises `UsageError`."""
    return [_selector(text) for text in _parts(texts)]


def shown(labels: Mapping[str, str]) -> str:
    """Labels in a line: "gpu.tier, zone=a"."""
    return ", ".join(f"{key}={value}" if value else key for key, value in labels.items())


def _selector(text: str) -> Expression:
    from bayplan.client import any_of, exact, is_null

    try:
        test = label_test(text)
    except Invalid as error:
        raise UsageError(f"--label {text}: it {error.detail}.") from None
    field = f"labels.{test.key}"
    if not test.values:
        return is_null(field, invert=not test.is_inverted)
    if len(test.values) == 1:
        return exact(field, test.values[0], invert=test.is_inverted)
    either = any_of(*(exact(field, value) for value in test.values))
    return {**either, "invert": True} if test.is_inverted else either


def _checked_key(key: str, text: str) -> str:
    try:
        return label_key(key)
    except Invalid as error:
        raise UsageError(f"--label {text}: it {error.detail}.") from None


def _checked_value(key: str, value: str, text: str) -> str:
    try:
        return label_value(key, value)
    except Invalid as error:
        raise UsageError(f"--label {text}: it {error.detail}.") from None


def _parts(texts: Iterable[str]) -> Iterator[str]:
    """Each label or selector of texts that have several with commas between them."""
    for text in texts:
        try:
            yield from label_parts(text)
        except Invalid:
            raise UsageError(f"--label {text!r}: write a label, as in --label zone=a.") from None
