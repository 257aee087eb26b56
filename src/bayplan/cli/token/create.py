"""`bayplan token create`: makes a token with which a program acts for you."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, duration

if TYPE_CHECKING:
    from bayplan.schemas.tokens import NewApiToken


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token's name, such as ci.", show_default=False)],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What the token may do: read, match, apply or workers; repeat the option for more. Each includes read; "
            "apply and workers are for staff [default: read]",
        ),
    ] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION",
            parser=duration,
            help="How long the token is valid: 12h, 90d [default: the server's setting]",
        ),
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Make a token with which a program acts for you.

    Give it to the program in BAYPLAN_TOKEN.
    """
    from bayplan.cli import connection, output

    scopes = [word for words in scope or ["read"] for word in words.replace(",", " ").split()]
    with connection.connect(server) as client:
        token = client.api_tokens.create(name, scopes, expires_in=expires_in)

    def view(made: "NewApiToken") -> None:
        typer.echo(made["token"])
        good = f"Valid for {', '.join(made['scopes'])} until {output.moment(made['expires'])}"
        typer.echo(f"{good}. It is not shown again. Programs read it from BAYPLAN_TOKEN.", err=True)

    return output.render(token, output_format, view=view, name=lambda made: [made["token"]])
