"""The filters of a rule for prefetching, from what is typed about images and nodes; and back, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayplan.cli.lookup import splits
from bayplan.client import any_of, both, exact
from bayplan.client.filters import Expression
from bayplan.errors import Invalid

Specification = Mapping[str, Sequence[Mapping[str, Any]]]


def images(
    tasks: Sequence[str], domains: Sequence[str], frameworks: Sequence[str], named: Sequence[str]
) -> dict[str, list[Expression]]:
    """Gives the filter for images: any of each kind, all of the kinds, the newest framework first."""
    kinds = (
        [exact("tasks", task, case_insensitive=True) for task in tasks],
        [exact("domain", domain, case_insensitive=True) for domain in domains],
        [_framework(framework) for framework in frameworks],
        [_image(image) for image in named],
    )
    newest = {"field": "framework.version", "ascending": False}
    return {"expressions": _all_of(kinds), "order_by": [newest, {"field": "name"}, {"field": "version"}]}


def nodes(named: Sequence[str], generations: Sequence[str]) -> dict[str, list[Expression]]:
    """Gives the filter for nodes; one for all where nothing is named. Raises `Invalid` for what is no node."""
    kinds = (
        [_node(node) for node in named],
        [exact("hardware_generation.generation", generation, case_insensitive=True) for generation in generations],
    )
    return {"expressions": _all_of(kinds), "order_by": []}


def _all_of(kinds: Sequence[list[Expression]]) -> list[Expression]:
    return [found[0] if len(found) == 1 else any_of(*found) for found in kinds if found]


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


_SAID = {"exact": "is", "contains": "has", "is_null": "is not set", "isnull": "is not set", "and": "and", "or": "or"}


def in_words(specification: Specification) -> str:
    """A filter in a line: "tasks is train and (domain is od or domain is is)"; "all" for one that lets everything through."""
    return " and ".join(_expression(one) for one in specification["expressions"]) or "all"


def _expression(one: Mapping[str, Any]) -> str:
    kind = one["type"]
    if kind in ("and", "or"):
        said = f" {kind} ".join(_expression(part) for part in one["sub_expressions"])
        said = f"({said})" if len(one["sub_expressions"]) > 1 else said
    else:
        value = one.get("value", one.get("sub_string"))
        verb = one["operator"] if kind == "compare" else _SAID[kind]
        said = f"{one['field']} {verb}" + ("" if value is None else f" {value}")
    return f"not {said}" if one.get("invert") else said
