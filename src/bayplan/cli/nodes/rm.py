"""`bayplan nodes rm`: removes a node."""

import typer

from bayplan.cli.options import NodeWord, Server


def rm(node: NodeWord, server: Server = None) -> None:
    """Remove a node."""
    from bayplan.cli import connection, lookup

    with connection.connect(server) as client:
        existing = lookup.node(client, node)
        client.nodes.delete(existing["pk"])
    typer.echo(f"Removed {existing['ip']}#{existing['index']}.")
