"""`bayplan nodes show`: shows the fields of a node."""

from bayplan.cli.options import AsJson, NodeWord, Server


def show(node: NodeWord, server: Server = None, as_json: AsJson = False) -> None:
    """Show everything about a node."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        existing = lookup.node(client, node)
        if as_json:
            return output.show_json(client.nodes.get(existing["pk"]))
        return node_view.show_one(existing)
