"""`bayplan prefetch list`: lists the rules, by age."""

from bayplan.cli.options import AsJson, Server


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the rules, by age."""
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:
        if as_json:
            return output.show_json(client.prefetch.list())
        return prefetch_view.show_list(client.prefetch.list(expand=True))
