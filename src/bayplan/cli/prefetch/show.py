"""`bayplan prefetch show`: shows the fields of a rule."""

from bayplan.cli.options import TABLE, Output, Server
from bayplan.cli.prefetch._options import RuleName


def show(rule: RuleName, server: Server = None, output_format: Output = TABLE) -> None:
    """Show a rule."""
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:
        existing = client.prefetch.named(rule)
        answer = client.prefetch.get(existing["pk"]) if output_format.is_data else existing
    return output.render(answer, output_format, view=prefetch_view.show_one, name=prefetch_view.name)
