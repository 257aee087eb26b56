"""`bayplan prefetch add`: adds a rule that names the desired images of nodes."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.client.filters import Expression


Filter = Annotated[
    str | None, typer.Option(metavar="JSON", help="A filter as the API takes it, in place of those options.")
]


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the rule.", show_default=False)],
    task: Annotated[list[str] | None, typer.Option(metavar="TASK", help="Images for that task; repeat it.")] = None,
    domain: Annotated[list[str] | None, typer.Option(metavar="DOMAIN", help="Of that domain; repeat it.")] = None,
    framework: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="With pytorch, 'PyTorch 2.4', 'pytorch>=2.4'; repeat it.")
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="IMAGE", help="That one: its key, or name:version; repeat it.")
    ] = None,
    images_filter: Filter = None,
    node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODE", help="For that node: its key, or gpu07#1; or gpu07 for all of a machine; repeat it."
        ),
    ] = None,
    generation: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For GPUs of that generation: Ampere, ...; repeat it.")
    ] = None,
    nodes_filter: Filter = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Add a rule: its images are desired on its nodes.

    As far as these run there. Without an option about nodes it is for all. Options of one kind add to each other, of several
    kinds all have to be met. What there is not is refused.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _filters as filters
    from bayplan.cli.prefetch import _view as prefetch_view

    image_options, node_options = (task, domain, framework, image), (node, generation)
    if images_filter is not None and any(image_options):
        raise UsageError("--images-filter says all about the images; leave out the other options about them.")
    if nodes_filter is not None and any(node_options):
        raise UsageError("--nodes-filter says all about the nodes; leave out the other options about them.")
    if images_filter is None and not any(image_options):
        raise UsageError("Say which images: --task, --domain, --framework or --image; --images-filter '{}' is all.")
    images, nodes = _parsed("--images-filter", images_filter), _parsed("--nodes-filter", nodes_filter)
    with connection.connect(server) as client:
        body: dict[str, Any] = {
            "name": name,
            "images": images or filters.images(client, *(values or [] for values in image_options)),
            "nodes": nodes or filters.nodes(client, *(values or [] for values in node_options)),
        }
        rule = client.prefetch.create(body)
        matching = {
            "image": client.images.list(*rule["images"]["expressions"], limit=1),
            "node": client.nodes.list(*rule["nodes"]["expressions"], limit=1),
        }
    sentence = f"Added the rule {rule['name']!r} ({rule['pk']}); `bayplan prefetch status` shows what comes of it."
    if nothing := [kind for kind, objects in matching.items() if not objects]:
        sentence += f"\nSo far it lets no {' and no '.join(nothing)} through: is everything spelt right?"
    return output.render(rule, output_format, view=sentence, name=prefetch_view.name)


def _parsed(option: str, text: str | None) -> "dict[str, list[Expression]] | None":
    """The filter that an option has; None where it is not there."""
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError:
        raise Invalid(
            f'{option} is not JSON: write it like {{"expressions": [...], "order_by": [...]}} (docs/api.md).'
        ) from None
    if not isinstance(content, dict):
        raise Invalid(f'{option} is not a filter: write it like {{"expressions": [...], "order_by": [...]}}.')
    return {"expressions": [], "order_by": [], **content}
