"""What commands that remove something have in common: they name what uses it, ask, and go on with the next after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.cli.options import OutputFormat
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

Object = TypeVar("Object")
Outcome = tuple[object, str]
"""What an action on an object gives: the object for programs, and a sentence for people."""
NAMED_AT_MOST = 5


def ask_and_remove(
    objects: Sequence[Object],
    question: Callable[[Object], str],
    act: Callable[[Object], Outcome],
    name: Callable[[Object], str],
    *,
    yes: bool,
    output_format: OutputFormat,
) -> None:
    """Asks one question about all objects, unless `yes`, then acts on each as `each` does.

    `question` gives the question about one, with what uses it; further objects than the first few are a number. A program
    that reads the answer is never asked. Raises `UsageError` where nobody can be asked.
    """
    from bayplan.cli import prompt

    if not yes:
        more = len(objects) - NAMED_AT_MOST
        questions = [question(existing) for existing in objects[:NAMED_AT_MOST]]
        prompt.require(" ".join(questions) + (f" And {more:,} more?" if more > 0 else ""), output_format)
    each(objects, act, name, output_format)


def each(
    objects: Sequence[Object],
    act: Callable[[Object], Outcome],
    name: Callable[[Object], str],
    output_format: OutputFormat,
) -> None:
    """Acts on each object, and goes on after a failure; ends with exit code 1 where one failed.

    Prints the sentence or the name of each as soon as it is done. JSON and YAML come last, also after an interruption: the
    object where one was named, else a list of those for which it was done.
    """
    from bayplan.cli import error_output, output

    answers: list[object] = []
    has_failed = False
    try:
        for existing in objects:
            try:
                answer, sentence = act(existing)
            except BayplanError as error:
                if len(objects) == 1:
                    raise
                error_output.print_error(error, 1, about=name(existing))
                has_failed = True
                continue
            answers.append(answer)
            if not output_format.is_data:
                output.render(existing, output_format, view=sentence, name=name)
    finally:
        if output_format.is_data and (answers or len(objects) > 1):
            output.render(answers[0] if len(objects) == 1 else answers, output_format, view="")
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
