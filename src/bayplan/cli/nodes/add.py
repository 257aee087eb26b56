"""`bayplan nodes add`: enters a node by hand."""

from typing import Annotated, Any

import typer

from bayplan.cli.node_facts import takes_node_facts
from bayplan.cli.nodes._body import body
from bayplan.cli.options import (
    AsJson,
    Server,
)


@takes_node_facts()
def add(
    ip: Annotated[str, typer.Argument(metavar="ADDRESS", help="Its address or host name.", show_default=False)],
    index: Annotated[int, typer.Option(min=0, metavar="N", help="Which GPU of the machine it is.")] = 0,
    *,
    server: Server = None,
    as_json: AsJson = False,
    **facts: Any,
) -> None:
    """Add a node; without --driver and --gpu it has no GPU."""
    from bayplan.cli import connection, output

    with connection.connect(server) as client:
        added = client.nodes.create(body({"ip": ip, "index": index, **facts}))
    if as_json:
        return output.show_json(added)
    return typer.echo(f"Added {added['ip']}#{added['index']} as node {added['pk']}.")
