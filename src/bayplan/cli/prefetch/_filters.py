"""The filters of a prefetch rule: makes them of options about images and nodes, and puts them into words."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayplan.cli.image_lookup import splits
from bayplan.client import any_of, both, exact
from bayplan.client.filters import Expression
from bayplan.errors import Invalid

Specification = Mapping[str, Sequence[Mapping[str, Any]]]


def images(
    tasks: Sequence[str], domains: Sequence[str], frameworks: Sequence[str], names: Sequence[str]
) -> dict[str, list[Expression]]:
    """Gives the filter for images that meet one option of each kind, the newest framework first."""
    kinds = (
        [exact("tasks", task, case_insensitive=True) for task in tasks],
        [exact("domain", domain, case_insensitive=True) for domain in domains],
        [_framework(framework) for framework in frameworks],
        [_image(name) for name in names],
    )
    newest = {"field": "framework.version", "ascending": False}
    return {"expressions": _all_of(kinds), "order_by": [newest, {"field": "name"}, {"field": "version"}]}


def nodes(names: Sequence[str], generations: Sequence[str]) -> dict[str, list[Expression]]:
    """Gives the filter for nodes that meet one option of each kind. Raises `Invalid` for a text that names no node."""
    kinds = (
        [_node(name) for name in names],
        [exact("hardware_generation.generation", generation, case_insensitive=True) for generation in generations],
    )
    return {"expressions": _all_of(kinds), "order_by": []}


def _all_of(kinds: Sequence[list[Expression]]) -> list[Expression]:
    return [kind[0] if len(kind) == 1 else any_of(*kind) for kind in kinds if kind]


def _framework(text: str) -> Expression:
    named = exact("framework.name", text, case_insensitive=True)
    name, _, version = text.rpartition(" ")
    if not name:
        return named
    release = both(
        exact("framework.name", name, case_insensitive=True), exact("framework.version", version, case_insensitive=True)
    )
    return any_of(named, release)


def _image(text: str) -> Expression:
    if text.isdecimal():
        return exact("pk", int(text))
    named = [both(exact("name", name), exact("version", version)) for name, version in splits(text)]
    return any_of(exact("name", text), *named)


def _node(text: str) -> Expression:
    if text.isdecimal():
        return exact("pk", int(text))
    ip, cut, index = text.rpartition("#")
    if not cut:
        return exact("ip", text)
    if not index.isdecimal():
        raise Invalid(f"{text!r} is no node; write its key, or address#index like 10.0.0.7#0.")
    return both(exact("ip", ip), exact("index", int(index)))


_VERBS = {"exact": "is", "contains": "has", "is_null": "is not set", "isnull": "is not set", "and": "and", "or": "or"}


def in_words(specification: Specification) -> str:
    """A filter in a line: "tasks is train and (domain is od or domain is is)"; "all" for a filter without expressions."""
    return " and ".join(_expression(expression) for expression in specification["expressions"]) or "all"


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
