"""`bayplan prefetch edit`: changes fields of a rule."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.cli.prefetch._options import (
    Domains,
    Filter,
    Frameworks,
    Generations,
    Images,
    Labels,
    Nodes,
    RuleName,
    Tasks,
)


def edit(
    rule: RuleName,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    task: Tasks = None,
    domain: Domains = None,
    framework: Frameworks = None,
    image: Images = None,
    images_filter: Filter = None,
    node: Nodes = None,
    generation: Generations = None,
    label: Labels = None,
    nodes_filter: Filter = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Change fields of a rule: those that options name.

    Options about images replace all that the rule says about images, options about nodes all that it says about nodes;
    --nodes-filter '{}' is all nodes.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _options as options
    from bayplan.cli.prefetch import _view as prefetch_view

    words = ((task, domain, framework, image), images_filter, (node, generation, label), nodes_filter)
    options.require_one_way(*words)
    if name is None and images_filter is None and nodes_filter is None and not any((*words[0], *words[2])):
        raise UsageError("Say what to change, as in `--generation Ampere`; --help lists what there is.")
    with connection.connect(server) as client:
        existing = client.prefetch.named(rule)
        changes = ({} if name is None else {"name": name}) | options.filters_of(client, *words)
        changed = client.prefetch.update(existing["pk"], changes)
        hint = options.hint_of_nothing(client, changed)
    sentence = f"Changed {', '.join(sorted(changes))} of the rule {changed['name']!r}."
    return output.render(changed, output_format, view=f"{sentence}{hint}", name=prefetch_view.name)
