"""What commands that remove something have in common: they name what uses it, ask, and go on with the next after a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

Object = TypeVar("Object")
NAMED_AT_MOST = 5


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
    """Which nodes have an image, or are to have it by a rule: " It is on 2 nodes: a#0, b#0."; empty where none."""
    nodes = client.prefetch.image_inventory(image["pk"])["nodes"]
    return _nodes("is on", [node for node in nodes if node["state"] == "held"]) + _nodes(
        "is prefetched for", [node for node in nodes if node["wanted"] and node["state"] != "held"]
    )


def uses_of_node(client: Client, node: ExpandedNodeAnswer) -> str:
    """The worker that reports a node and the images that it has, in sentences; empty where there are none."""
    from bayplan.cli.output import count

    held = [image for image in client.prefetch.node_inventory(node["pk"])["images"] if image["state"] == "held"]
    worker = next((worker["worker"] for worker in client.nodes.workers() if node["pk"] in worker["nodes"]), None)
    of_worker = f" It is a node of the worker {worker}." if worker else ""
    return of_worker + (f" It has {count(len(held), 'image')}." if held else "")


def uses_of_rule(client: Client, rule: ExpandedPrefetchRuleAnswer) -> str:
    """How many nodes and images a rule is about, in a sentence."""
    from bayplan.cli.output import count

    nodes = len(client.nodes.list(*rule["nodes"]["expressions"]))
    images = len(client.images.list(*rule["images"]["expressions"]))
    return f" It is for {count(images, 'image')} on {count(nodes, 'node')}."


def _nodes(verb: str, nodes: Sequence[Any]) -> str:
    from bayplan.cli.output import count

    if not nodes:
        return ""
    names = ", ".join(f"{node['ip']}#{node['index']}" for node in nodes[:NAMED_AT_MOST])
    more = f" and {len(nodes) - NAMED_AT_MOST:,} more" if len(nodes) > NAMED_AT_MOST else ""
    return f" It {verb} {count(len(nodes), 'node')}: {names}{more}."
