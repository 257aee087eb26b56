"""What commands that remove something have in common: they name what uses it, ask, and go on with the next after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import typer

from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

Object = TypeVar("Object")
NAMED_AT_MOST = 5


def ask_and_remove(
    objects: Sequence[Object], question: Callable[[Object], str], act: Callable[[Object], str], *, yes: bool
) -> None:
    """Asks one question about all objects, unless `yes`, then acts on each as `each` does.

    `question` gives the question about one, with what uses it; further objects than the first few are a number.
    """
    from bayplan.cli import prompt

    if not yes:
        more = len(objects) - NAMED_AT_MOST
        questions = [question(existing) for existing in objects[:NAMED_AT_MOST]]
        prompt.require(" ".join(questions) + (f" And {more:,} more?" if more > 0 else ""))
    each(objects, act)


def each(objects: Sequence[Object], act: Callable[[Object], str]) -> None:
    """Acts on each object, and prints the sentence for it. Ends with exit code 1 where one failed, after all others."""
    from bayplan.cli import error_output

    has_failed = False
    for existing in objects:
        try:
            typer.echo(act(existing))
        except BayplanError as error:
            if len(objects) == 1:
                raise
            error_output.print_error(error, 1)
            has_failed = True
    if has_failed:
        raise typer.Exit(1)


def uses_of_image(client: Client, image: ExpandedImageAnswer) -> str:
    """What uses an image, in sentences: the nodes that have it or are to have it, the rules that name it, who added it."""
    nodes = client.prefetch.image_inventory(image["pk"])["nodes"]
    fields = {"pk": image["pk"], "name": image["name"], "url": image["url"]}
    return (
        _sentence("It is on", "node", [_node(node) for node in nodes if node["state"] == "held"])
        + _sentence(
            "It is prefetched for",
            "node",
            [_node(node) for node in nodes if node["wanted"] and node["state"] != "held"],
        )
        + _rules(client, "images", fields, {"version": image["version"]})
        + f" {image['creator']['username']} added it."
    )


def uses_of_node(client: Client, node: ExpandedNodeAnswer) -> str:
    """What uses a node, in sentences: its worker, the images that it has, the rules that name it."""
    inventory = client.prefetch.node_inventory(node["pk"])["images"]
    held = [f"{image['name']}:{image['version']}" for image in inventory if image["state"] == "held"]
    worker = next((worker["worker"] for worker in client.nodes.workers() if node["pk"] in worker["nodes"]), None)
    fields = {"pk": node["pk"], "ip": node["ip"], "hostname": node["hostname"]}
    return (
        (f" It is a node of the worker {worker}." if worker else "")
        + _sentence("It has", "image", held)
        + _rules(client, "nodes", fields, {"index": node["index"]})
    )


def uses_of_rule(client: Client, rule: ExpandedPrefetchRuleAnswer) -> str:
    """How many nodes and images a rule is about, in a sentence."""
    from bayplan.cli.output import count

    nodes = client.nodes.count(*rule["nodes"]["expressions"])
    images = client.images.count(*rule["images"]["expressions"])
    return f" It is for {count(images, 'image')} on {count(nodes, 'node')}."


def uses_of_user(client: Client, user: Mapping[str, Any]) -> str:
    """What is a user's, in sentences: tokens, which end, and images and rules, which stay."""
    from bayplan.client import exact

    tokens = [token["name"] for token in client.api_tokens.list(everyone=True) if token["owner"] == user["username"]]
    images = [
        f"{image['name']}:{image['version']}"
        for image in client.images.without_credentials(exact("creator", user["pk"]))
    ]
    rules = [repr(rule["name"]) for rule in client.prefetch.list(exact("creator", user["pk"]))]
    return (
        _sentence("This ends", "token", tokens)
        + _sentence("They added", "image", images)
        + _sentence("They added", "rule", rules)
    )


def _rules(
    client: Client, kind: Literal["images", "nodes"], names: Mapping[str, Any], others: Mapping[str, Any]
) -> str:
    """The prefetch rules whose filter names an object, in a sentence."""
    from bayplan.domain.prefetch import names_object

    naming = [rule["name"] for rule in client.prefetch.list() if names_object(rule[kind], names, others)]
    if len(naming) == 1:
        return f" The rule {naming[0]!r} names it."
    return _listed(f" {len(naming):,} rules name it", [repr(name) for name in naming])


def _node(node: Any) -> str:
    return f"{node['ip']}#{node['index']}"


def _sentence(verb: str, noun: str, names: Sequence[str]) -> str:
    from bayplan.cli.output import count

    return _listed(f" {verb} {count(len(names), noun)}", names)


def _listed(text: str, names: Sequence[str]) -> str:
    """The text with the first names, and how many more there are; empty without names."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED_AT_MOST:,} more" if len(names) > NAMED_AT_MOST else ""
    return f"{text}: {', '.join(names[:NAMED_AT_MOST])}{more}."
