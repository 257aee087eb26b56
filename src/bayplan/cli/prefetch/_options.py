"""Arguments and options that several commands about prefetch rules take, and the filters that they make."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.options import UsageError
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.client.filters import Expression

RuleNames = Annotated[list[str], typer.Argument(metavar="RULE", help="Each its name, or its key.", show_default=False)]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its name, or its key.", show_default=False)]
Tasks = Annotated[list[str] | None, typer.Option(metavar="TASK", help="Images for that task; repeat it.")]
Domains = Annotated[list[str] | None, typer.Option(metavar="DOMAIN", help="Images of that domain; repeat it.")]
Frameworks = Annotated[
    list[str] | None,
    typer.Option(metavar="SPEC", help="Images with that framework: pytorch, 'PyTorch 2.4'; repeat it."),
]
Images = Annotated[
    list[str] | None, typer.Option(metavar="IMAGE", help="That image: its key, or name:version; repeat it.")
]
Nodes = Annotated[
    list[str] | None,
    typer.Option(metavar="NODE", help="For that node: its key, or gpu07#1; or gpu07 for all of a machine; repeat it."),
]
Generations = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="For GPUs of that generation: Ampere, ...; repeat it.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label", "-l", metavar="SELECTOR", help="For nodes with that label: zone=a, zone!=a, !gpu.tier; repeat it."
    ),
]
Filter = Annotated[
    str | None, typer.Option(metavar="JSON", help="A filter as the API takes it, in place of the options above.")
]
Words = Sequence[list[str] | None]


def filters_of(
    client: "Client", images: Words, images_filter: str | None, nodes: Words, nodes_filter: str | None
) -> dict[str, Any]:
    """Gives the filters that the options ask for, `images` and `nodes`; one about which no option says anything is not there.

    Raises `Invalid` and `NotFound`.
    """
    from bayplan.cli.prefetch import _filters

    made: dict[str, Any] = {}
    if images_filter is not None:
        made["images"] = _parsed("--images-filter", images_filter)
    elif any(images):
        made["images"] = _filters.images(client, *(values or [] for values in images))
    if nodes_filter is not None:
        made["nodes"] = _parsed("--nodes-filter", nodes_filter)
    elif any(nodes):
        made["nodes"] = _filters.nodes(client, *(values or [] for values in nodes))
    return made


def require_one_way(images: Words, images_filter: str | None, nodes: Words, nodes_filter: str | None) -> None:
    """Raises `UsageError` where a filter and other options are about the same objects."""
    for kind, words, text in (("images", images, images_filter), ("nodes", nodes, nodes_filter)):
        if text is not None and any(words):
            raise UsageError(f"--{kind}-filter says all about the {kind}; leave out the other options about them.")


def hint_of_nothing(client: "Client", rule: Any) -> str:
    """A line that says so where a rule lets no image or no node through; empty for others."""
    matching = {
        "image": client.images.count(*rule["images"]["expressions"]),
        "node": client.nodes.count(*rule["nodes"]["expressions"]),
    }
    nothing = [kind for kind, number in matching.items() if not number]
    return f"\nSo far it lets no {' and no '.join(nothing)} through: is everything spelt right?" if nothing else ""


def _parsed(option: str, text: str) -> "dict[str, list[Expression]]":
    """The filter that an option has."""
    try:
        content = json.loads(text)
    except ValueError:
        raise Invalid(
            f'{option} is not JSON: write it like {{"expressions": [...], "order_by": [...]}} (docs/api.md).'
        ) from None
    if not isinstance(content, dict):
        raise Invalid(f'{option} is not a filter: write it like {{"expressions": [...], "order_by": [...]}}.')
    return {"expressions": [], "order_by": [], **content}
