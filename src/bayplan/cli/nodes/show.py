"""`bayplan nodes show`: shows the fields of a node."""

from bayplan.cli.options import TABLE, NodeWord, Output, Server


def show(node: NodeWord, server: Server = None, output_format: Output = TABLE) -> None:
    """Show everything about a node."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        existing = client.nodes.named(node)
        answer = client.nodes.get(existing["pk"]) if output_format.is_data else existing
    return output.render(answer, output_format, view=node_view.show_one, name=node_view.name)
