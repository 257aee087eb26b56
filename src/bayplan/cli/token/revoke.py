"""`bayplan token revoke`: ends tokens of programs."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, Yes

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.tokens import ApiTokenAnswer


def revoke(
    tokens: Annotated[
        list[str], typer.Argument(metavar="TOKEN", help="The tokens' names or keys.", show_default=False)
    ],
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """End tokens at once: programs that have one are refused."""
    from bayplan.cli import connection, output, removal
    from bayplan.cli.token import _view as view

    with connection.connect(server) as client:

        def question(token: "ApiTokenAnswer") -> str:
            return f"Revoke {token['name']} (last use {output.ago(token['last_used'])})?"

        def end(token: "ApiTokenAnswer") -> "Outcome":
            client.api_tokens.revoke(token["pk"])
            return token, f"Revoked {token['name']}."

        existing = [client.api_tokens.named(text) for text in tokens]
        removal.ask_and_remove(existing, question, end, view.name, yes=yes, output_format=output_format)
