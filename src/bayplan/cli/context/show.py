"""`bayplan context show`: says which server commands ask."""

from bayplan.cli.options import TABLE, Output


def show(output_format: Output = TABLE) -> None:
    """Say which server commands ask, and why."""
    from bayplan.cli import output
    from bayplan.cli.context import _view as view
    from bayplan.client import stored_sessions
    from bayplan.client.session import named_server

    named = named_server()
    user = stored_sessions.user_at(named.url)
    entry: view.NamedServerEntry = {"server": named.url, "named_by": named.named_by, "user": user}
    return output.render(entry, output_format, view=view.show_server, name=lambda entry: entry["server"])
