"""`bayplan nodes add`: enters a node by hand."""

from typing import Annotated, Any

import typer

from bayplan.cli.node_facts import takes_node_facts
from bayplan.cli.node_labels import NewLabels, new_labels
from bayplan.cli.nodes._body import body
from bayplan.cli.options import (
    TABLE,
    Output,
    Server,
)


@takes_node_facts()
def add(
    ip: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The machine's address or host name.", show_default=False)
    ],
    index: Annotated[int, typer.Option(min=0, metavar="N", help="The number of the GPU in the machine.")] = 0,
    hostname: Annotated[str | None, typer.Option(metavar="NAME", help="The machine's own name.")] = None,
    label: NewLabels = None,
    *,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Add a node; without --driver and --gpu it has no GPU."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    names = {"hostname": hostname, "labels": new_labels(label) if label else None}
    with connection.connect(server) as client:
        added = client.nodes.create(body({"ip": ip, "index": index, **names, **facts}))
    sentence = f"Added {node_view.name(added)} as node {added['pk']}."
    return output.render(added, output_format, view=sentence, name=node_view.name)
