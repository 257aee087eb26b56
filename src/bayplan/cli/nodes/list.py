"""`bayplan nodes list`: lists the nodes, by address."""

from bayplan.cli.options import TABLE, Output, Server


def list_(server: Server = None, output_format: Output = TABLE) -> None:
    """List the nodes, by address."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        nodes = client.nodes.list(
            order_by=("ip", "index"),
            expand=not output_format.is_data,  # type: ignore[call-overload]  # either type of node has a name
        )
    return output.render(nodes, output_format, view=node_view.show_list, name=node_view.name)
