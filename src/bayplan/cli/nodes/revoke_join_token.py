"""`bayplan nodes revoke-join-token`: ends tokens with which machines join."""

from typing import Annotated

import typer

from bayplan.cli.options import Server, Yes


def revoke_join_token(
    keys: Annotated[
        list[int],
        typer.Argument(
            metavar="KEY", help="Their keys, as `bayplan nodes join-tokens` lists them.", show_default=False
        ),
    ],
    yes: Yes = False,
    server: Server = None,
) -> None:
    """End join tokens at once.

    The machines that joined with them stay.
    """
    from bayplan.cli import connection, output, prompt
    from bayplan.errors import NotFound

    with connection.connect(server) as client:
        existing = {join_token["pk"]: join_token for join_token in client.nodes.join_tokens()}
        missing = [key for key in keys if key not in existing]
        if missing:
            raise NotFound(f"There is no join token {missing[0]}: `bayplan nodes join-tokens` lists all join tokens.")
        left = ", ".join(f"{key} (for {output.count(existing[key]['uses_left'], 'machine')} more)" for key in keys)
        if prompt.agreed(f"Revoke the join token {left}?", yes=yes):
            for key in keys:
                client.nodes.revoke_join_token(key)
                typer.echo(f"Revoked the join token {key}.")
