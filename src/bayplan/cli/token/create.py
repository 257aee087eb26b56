"""`bayplan token create`: makes a token with which a program acts for you."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, duration

if TYPE_CHECKING:
    from bayplan.schemas.tokens import NewApiToken


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for it, such as ci.", show_default=False)],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may do: read, match, apply or workers; repeat it. Each includes read; the last two are for "
            "staff [default: read]",
        ),
    ] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION",
            parser=duration,
            help="For how long it is good: 12h, 90d [default: as the server is set]",
        ),
    ] = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Make a token with which a program acts for you.

    The program has it in BAYPLAN_TOKEN.
    """
    from bayplan.cli import connection, output

    scopes = [word for words in scope or ["read"] for word in words.replace(",", " ").split()]
    with connection.connect(server) as client:
        token = client.api_tokens.create(name, scopes, expires_in=expires_in)

    def view(made: "NewApiToken") -> None:
        typer.echo(made["token"])
        good = f"Good for {', '.join(made['scopes'])} until {output.moment(made['expires'])}"
        typer.echo(f"{good}; it is not shown again. Programs take it from BAYPLAN_TOKEN.", err=True)

    return output.render(token, output_format, view=view, name=lambda made: [made["token"]])
