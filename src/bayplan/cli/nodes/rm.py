"""`bayplan nodes rm`: removes a node."""

import typer

from bayplan.cli.options import NodeWord, Server


def rm(node: NodeWord, server: Server = None) -> None:
    """Remove a node."""
    from bayplan.cli import connection, lookup

    with connection.connect(server) as client:
        found = lookup.node(client, node)
        client.nodes.delete(found["pk"])
    typer.echo(f"Removed {found['ip']}#{found['index']}.")
