"""`bayplan nodes join-tokens`: lists the tokens with which machines can join."""

from bayplan.cli.options import TABLE, Output, Server, SortBy


def join_tokens(sort_by: SortBy = None, server: Server = None, output_format: Output = TABLE) -> None:
    """List the tokens with which machines can join."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.nodes import _view as node_view

    paths = sorting.order("nodes join-tokens", sort_by)
    with connection.connect(server) as client:
        join_tokens = sorting.in_order(client.nodes.join_tokens(), paths)
    return output.render(join_tokens, output_format, view=node_view.show_join_tokens, name=node_view.join_token_name)
