"""`bayplan token list`: lists the tokens of programs."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, SortBy


def list_(
    everyone: Annotated[bool, typer.Option("--everyone", help="The tokens of all users, for staff.")] = False,
    ended: Annotated[bool, typer.Option("--ended", help="Also tokens that have expired or were revoked.")] = False,
    sort_by: SortBy = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """List your tokens."""
    from bayplan.cli import connection, output, sorting
    from bayplan.cli.token import _view as view

    paths = sorting.order("token list", sort_by)
    with connection.connect(server) as client:
        tokens = sorting.in_order(client.api_tokens.list(everyone=everyone, include_inactive=ended), paths)
    return output.render(
        tokens,
        output_format,
        view=lambda tokens: view.show_tokens(tokens, with_owners=everyone),
        name=view.name,
    )
