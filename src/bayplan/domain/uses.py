"""What uses an object, in the sentences that people read before they remove it: the same in commands and on pages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from bayplan.domain.prefetch import names_object
from bayplan.domain.units import count

NAMED_AT_MOST = 5
Object = Mapping[str, Any]


def uses_of_image(image: Object, inventory: Iterable[Object], rules: Iterable[Object]) -> str:
    """What uses an image: the nodes that have it or are to have it, the rules that name it, who added it.

    `image` has its creator in place; `inventory` are its nodes, and `rules` all prefetch rules.
    """
    nodes = list(inventory)
    names = {name: image[name] for name in ("pk", "name", "url")}
    return (
        _sentence("It is on", "node", [_node(node) for node in nodes if node["state"] == "held"])
        + _sentence(
            "It is prefetched for",
            "node",
            [_node(node) for node in nodes if node["wanted"] and node["state"] != "held"],
        )
        + _rules(rules, "images", names, {"version": image["version"]})
        + f" {image['creator']['username']} added it."
    )


def uses_of_node(node: Object, worker: str | None, inventory: Iterable[Object], rules: Iterable[Object]) -> str:
    """What uses a node: its worker, the images that it has, the rules that name it."""
    held = [f"{image['name']}:{image['version']}" for image in inventory if image["state"] == "held"]
    names = {name: node[name] for name in ("pk", "ip", "hostname")}
    return (
        (f" It is a node of the worker {worker}." if worker else "")
        + _sentence("It has", "image", held)
        + _rules(rules, "nodes", names, {"index": node["index"]})
    )


def uses_of_rule(images: int, nodes: int) -> str:
    """How many images and nodes a rule is for."""
    return f" It is for {count(images, 'image')} on {count(nodes, 'node')}."


def uses_of_user(tokens: Sequence[str], images: Iterable[Object], rules: Iterable[Object]) -> str:
    """What is a user's: tokens, which end, and images and rules, which stay."""
    return (
        _sentence("This ends", "token", tokens)
        + _sentence("They added", "image", [f"{image['name']}:{image['version']}" for image in images])
        + _sentence("They added", "rule", [repr(rule["name"]) for rule in rules])
    )


def _rules(rules: Iterable[Object], kind: Literal["images", "nodes"], names: Object, others: Object) -> str:
    """The prefetch rules whose filter names an object."""
    naming = [rule["name"] for rule in rules if names_object(rule[kind], names, others)]
    if len(naming) == 1:
        return f" The rule {naming[0]!r} names it."
    return _listed(f" {len(naming):,} rules name it", [repr(name) for name in naming])


def _node(node: Object) -> str:
    return f"{node['ip']}#{node['index']}"


def _sentence(verb: str, noun: str, names: Sequence[str]) -> str:
    return _listed(f" {verb} {count(len(names), noun)}", names)


def _listed(text: str, names: Sequence[str]) -> str:
    """The text with the first names, and how many more there are; empty without names."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED_AT_MOST:,} more" if len(names) > NAMED_AT_MOST else ""
    return f"{text}: {', '.join(names[:NAMED_AT_MOST])}{more}."
