"""`bayplan nodes show`: shows the fields of a node."""

from bayplan.cli.options import TABLE, NodesWords, Output, Server


def show(nodes: NodesWords, server: Server = None, output_format: Output = TABLE) -> None:
    """Show everything about nodes."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        existing = [client.nodes.named(node) for node in nodes]
        answers = [client.nodes.get(node["pk"]) for node in existing] if output_format.is_data else existing
    return output.render_each(answers, output_format, view=node_view.show_one, name=node_view.name)
