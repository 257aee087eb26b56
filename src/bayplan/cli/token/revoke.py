"""`bayplan token revoke`: ends tokens of programs."""

from typing import Annotated

import typer

from bayplan.cli.options import Server, Yes


def revoke(
    tokens: Annotated[
        list[str], typer.Argument(metavar="TOKEN", help="The tokens' names or keys.", show_default=False)
    ],
    yes: Yes = False,
    server: Server = None,
) -> None:
    """End tokens at once: programs that have one are refused."""
    from bayplan.cli import connection, output, prompt

    with connection.connect(server) as client:
        existing = [client.api_tokens.named(text) for text in tokens]
        named = ", ".join(f"{token['name']} (last use {output.ago(token['last_used'])})" for token in existing)
        if prompt.agreed(f"Revoke {named}?", yes=yes):
            for token in existing:
                client.api_tokens.revoke(token["pk"])
                typer.echo(f"Revoked {token['name']}.")
