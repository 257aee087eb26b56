"""`bayplan nodes revoke-join-token`: ends tokens with which machines join."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, Yes
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.workers import JoinTokenAnswer


def revoke_join_token(
    keys: Annotated[
        list[int],
        typer.Argument(
            metavar="KEY", help="Their keys, as `bayplan nodes join-tokens` lists them.", show_default=False
        ),
    ],
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """End join tokens at once.

    The machines that joined with them stay.
    """
    from bayplan.cli import connection, output, removal
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        by_key = {join_token["pk"]: join_token for join_token in client.nodes.join_tokens()}
        missing = [key for key in keys if key not in by_key]
        if missing:
            raise NotFound(f"There is no join token {missing[0]}: `bayplan nodes join-tokens` lists all join tokens.")

        def question(join_token: "JoinTokenAnswer") -> str:
            left = output.count(join_token["uses_left"], "machine")
            return f"Revoke the join token {join_token['pk']} (for {left} more)?"

        def end(join_token: "JoinTokenAnswer") -> "Outcome":
            client.nodes.revoke_join_token(join_token["pk"])
            return join_token, f"Revoked the join token {join_token['pk']}."

        revoked = [by_key[key] for key in dict.fromkeys(keys)]
        removal.ask_and_remove(revoked, question, end, node_view.join_token_name, yes=yes, output_format=output_format)
