"""`bayplan prefetch show`: shows the fields of a rule."""

from bayplan.cli.options import AsJson, Server
from bayplan.cli.prefetch._options import RuleName


def show(rule: RuleName, server: Server = None, as_json: AsJson = False) -> None:
    """Show a rule."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:
        existing = lookup.prefetch_rule(client, rule)
        if as_json:
            return output.show_json(client.prefetch.get(existing["pk"]))
        return prefetch_view.show_one(existing)
