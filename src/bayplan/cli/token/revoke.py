"""`bayplan token revoke`: ends tokens of programs."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import Server, Yes

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.tokens import ApiTokenAnswer


def revoke(
    tokens: Annotated[
        list[str], typer.Argument(metavar="TOKEN", help="Their names, or their keys.", show_default=False)
    ],
    yes: Yes = False,
    server: Server = None,
) -> None:
    """End tokens at once; a program that has one is refused from then on."""
    from bayplan.cli import connection, output, prompt

    with connection.connect(server) as client:
        existing = [_token(client, text) for text in tokens]
        named = ", ".join(f"{token['name']} (last use {output.ago(token['last_used'])})" for token in existing)
        if prompt.agreed(f"Revoke {named}?", yes=yes):
            for token in existing:
                client.api_tokens.revoke(token["pk"])
                typer.echo(f"Revoked {token['name']}.")


def _token(client: "Client", text: str) -> "ApiTokenAnswer":
    """One's own token with that name or key, or for staff anybody's with that key. Raises `NotFound`."""
    from bayplan.cli import lookup
    from bayplan.errors import NotFound

    mine, pk = client.api_tokens.list(), lookup.key(text)
    named = [token for token in mine if token["name"] == text] or [token for token in mine if token["pk"] == pk]
    if not named and pk is not None and client.users.me()["user"]["is_staff"]:
        named = [token for token in client.api_tokens.list(everyone=True) if token["pk"] == pk]
    if not named:
        has = ", ".join(token["name"] for token in mine)
        raise NotFound(f"There is no token {text!r}; " + (f"yours are {has}." if has else "you have none."))
    return named[0]
