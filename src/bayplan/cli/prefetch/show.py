"""`bayplan prefetch show`: shows the fields of a rule."""

from bayplan.cli.options import TABLE, Output, Server
from bayplan.cli.prefetch._options import RuleNames


def show(rules: RuleNames, server: Server = None, output_format: Output = TABLE) -> None:
    """Show rules."""
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:
        existing = [client.prefetch.named(rule) for rule in rules]
        answers = [client.prefetch.get(rule["pk"]) for rule in existing] if output_format.is_data else existing
    return output.render_each(answers, output_format, view=prefetch_view.show_one, name=prefetch_view.name)
