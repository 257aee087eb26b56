"""`bayplan prefetch list`: lists the rules, by age."""

from bayplan.cli.options import TABLE, Output, Server, SortBy


def list_(sort_by: SortBy = None, server: Server = None, output_format: Output = TABLE) -> None:
    """List the rules, by age."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.prefetch import _view as prefetch_view

    paths = sorting.order("prefetch list", sort_by)
    with connection.connect(server) as client:
        rules = client.prefetch.list(order_by=paths, expand=not output_format.is_data)  # type: ignore[call-overload]  # either has a name
    return output.render(rules, output_format, view=prefetch_view.show_list, name=prefetch_view.name)
