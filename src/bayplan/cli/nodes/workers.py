"""`bayplan nodes workers`: lists the workers, which are the machines that have joined."""

from bayplan.cli.options import TABLE, Output, Server


def workers(server: Server = None, output_format: Output = TABLE) -> None:
    """List the machines that have joined, by address."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        joined = client.nodes.workers()
    return output.render(joined, output_format, view=node_view.show_workers, name=lambda worker: worker["worker"])
