"""The filters of a prefetch rule: makes them of options about images and nodes."""

from collections.abc import Sequence

from bayplan.cli.node_labels import selected
from bayplan.client import Client, any_of, both, exact
from bayplan.client.collection import key
from bayplan.client.filters import Expression
from bayplan.client.framework_lookup import of_frameworks_to_come
from bayplan.client.node_lookup import several
from bayplan.domain.names import composed


def images(
    client: Client, tasks: Sequence[str], domains: Sequence[str], frameworks: Sequence[str], names: Sequence[str]
) -> dict[str, list[Expression]]:
    """Gives the filter for images that meet one option of each kind, the newest framework first.

    Raises `NotFound`, which names the nearest ones, for what no image is or has.
    """
    for task in tasks:
        client.match(worker={}, task=task, limit=1, credentials=False)
    for domain in domains:
        client.match(worker={}, domain=domain, limit=1, credentials=False)
    kinds = (
        [exact("tasks", task, case_insensitive=True) for task in tasks],
        [exact("domain", domain, case_insensitive=True) for domain in domains],
        [of_frameworks_to_come(client.frameworks, framework) for framework in frameworks],
        [_image(client, name) for name in names],
    )
    newest = {"field": "framework.version", "ascending": False}
    return {"expressions": _all_of(kinds), "order_by": [newest, {"field": "name"}, {"field": "version"}]}


def nodes(
    client: Client, names: Sequence[str], generations: Sequence[str], labels: Sequence[str]
) -> dict[str, list[Expression]]:
    """Gives the filter for nodes that meet one name, one generation and every label.

    Raises `NotFound` and `Invalid`, and `UsageError` for what is no selector.
    """
    kinds = (
        [_node(client, name) for name in names],
        [
            exact(
                "hardware_generation.generation", client.hardware.named(generation)["generation"], case_insensitive=True
            )
            for generation in generations
        ],
    )
    return {"expressions": [*_all_of(kinds), *selected(labels)], "order_by": []}


def _all_of(kinds: Sequence[list[Expression]]) -> list[Expression]:
    return [kind[0] if len(kind) == 1 else any_of(*kind) for kind in kinds if kind]


def _image(client: Client, text: str) -> Expression:
    if key(text) is None and any(image["name"] == composed(text) for image in client.images.all_named(text)):
        return exact("name", text)  # all images of that name
    image = client.images.named(text)
    if key(text) is not None:
        return exact("pk", image["pk"])
    return both(exact("name", image["name"]), exact("version", image["version"]))


def _node(client: Client, text: str) -> Expression:
    machine = [] if key(text) is not None or "#" in text else client.nodes.all_named(text)
    if len({node["ip"] for node in machine}) > 1:
        raise several(text, machine)
    if machine:
        return exact("ip", machine[0]["ip"])
    node = client.nodes.named(text)
    if key(text) is not None:
        return exact("pk", node["pk"])
    return both(exact("ip", node["ip"]), exact("index", node["index"]))
