"""`bayplan nodes workers`: lists the workers, which are the machines that have joined."""

from bayplan.cli.options import TABLE, Output, Server, SortBy


def workers(sort_by: SortBy = None, server: Server = None, output_format: Output = TABLE) -> None:
    """List the machines that have joined, by address."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.nodes import _view as node_view

    paths = sorting.order("nodes workers", sort_by)
    with connection.connect(server) as client:
        joined = sorting.in_order(client.nodes.workers(), paths)
    return output.render(joined, output_format, view=node_view.show_workers, name=node_view.worker_name)
