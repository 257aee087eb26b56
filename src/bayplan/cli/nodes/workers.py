"""`bayplan nodes workers`: lists the workers, which are the machines that have joined."""

from bayplan.cli.options import AsJson, Server


def workers(server: Server = None, as_json: AsJson = False) -> None:
    """List the machines that have joined, by address."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        joined = client.nodes.workers()
    return output.show_json(joined) if as_json else node_view.show_workers(joined)
