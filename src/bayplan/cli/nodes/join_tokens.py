"""`bayplan nodes join-tokens`: lists the tokens with which machines can join."""

from bayplan.cli.options import TABLE, Output, Server


def join_tokens(server: Server = None, output_format: Output = TABLE) -> None:
    """List the tokens with which machines can join."""
    from bayplan.cli import connection, output
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        join_tokens = client.nodes.join_tokens()
    return output.render(
        join_tokens, output_format, view=node_view.show_join_tokens, name=lambda join_token: str(join_token["pk"])
    )
