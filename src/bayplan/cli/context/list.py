"""`bayplan context list`: lists the contexts."""

from bayplan.cli.options import TABLE, Output, SortBy


def list_(sort_by: SortBy = None, output_format: Output = TABLE) -> None:
    """List the servers that you use."""
    from bayplan.cli import output, sorting
    from bayplan.cli.context import _view as view
    from bayplan.client import contexts, stored_sessions

    paths = sorting.order("context list", sort_by)
    known = contexts.load()
    users = {server: stored_sessions.user_at(server) for server in known.servers.values()}
    entries: list[view.ContextEntry] = [
        {"name": name, "server": server, "current": name == known.current, "user": users[server]}
        for name, server in known.servers.items()
    ]
    return output.render(
        sorting.in_order(entries, paths), output_format, view=view.show_list, name=lambda context: context["name"]
    )
