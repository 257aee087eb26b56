"""`bayplan nodes list`: lists the nodes, by address."""

from bayplan.cli.options import AsJson, Server


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the nodes, by address."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        if as_json:
            return output.show_json(client.nodes.list(order_by=("ip", "index")))
        return node_view.show_list(client.nodes.list(order_by=("ip", "index"), expand=True))
