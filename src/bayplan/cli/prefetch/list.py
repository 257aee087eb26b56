"""`bayplan prefetch list`: lists the rules, by age."""

from bayplan.cli.options import TABLE, Output, Server


def list_(server: Server = None, output_format: Output = TABLE) -> None:
    """List the rules, by age."""
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:
        rules = client.prefetch.list(expand=not output_format.is_data)  # type: ignore[call-overload]  # either has a name
    return output.render(rules, output_format, view=prefetch_view.show_list, name=prefetch_view.name)
