"""What commands that remove something have in common: they name what uses it, ask, and go on with the next after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    from bayplan.domain import uses

    return uses.uses_of_image(image, client.prefetch.image_inventory(image["pk"])["nodes"], client.prefetch.list())


def uses_of_node(client: Client, node: ExpandedNodeAnswer) -> str:
    """What uses a node, in sentences: its worker, the images that it has, the rules that name it."""
    from bayplan.domain import uses

    worker = next((worker["worker"] for worker in client.nodes.workers() if node["pk"] in worker["nodes"]), None)
    inventory = client.prefetch.node_inventory(node["pk"])["images"]
    return uses.uses_of_node(node, worker, inventory, client.prefetch.list())


def uses_of_rule(client: Client, rule: ExpandedPrefetchRuleAnswer) -> str:
    """How many nodes and images a rule is about, in a sentence."""
    from bayplan.domain import uses

    nodes = client.nodes.count(*rule["nodes"]["expressions"])
    images = client.images.count(*rule["images"]["expressions"])
    return uses.uses_of_rule(images, nodes)


def uses_of_user(client: Client, user: Mapping[str, Any]) -> str:
    """What is a user's, in sentences: tokens, which end, and images and rules, which stay."""
    from bayplan.client import exact
    from bayplan.domain import uses

    tokens = [token["name"] for token in client.api_tokens.list(everyone=True) if token["owner"] == user["username"]]
    images = client.images.without_credentials(exact("creator", user["pk"]))
    return uses.uses_of_user(tokens, images, client.prefetch.list(exact("creator", user["pk"])))
