"""`bayplan nodes join-token`: makes a token with which machines join as workers."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, duration

if TYPE_CHECKING:
    from bayplan.schemas.workers import NewJoinToken


def join_token(
    expires_in: Annotated[
        int,
        typer.Option(
            metavar="DURATION", parser=duration, help="How long the token is valid: 90s, 15m, 12h; at most 31d."
        ),
    ] = "1h",  # type: ignore[assignment]  # the parser reads the default too
    uses: Annotated[int, typer.Option(min=1, metavar="N", help="How many machines can join with the token.")] = 1,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Make a token with which machines join as workers."""
    from bayplan.cli import connection, output

    with connection.connect(server) as client:
        join_token = client.nodes.make_join_token(expires_in=expires_in, uses=uses)

    def view(made: "NewJoinToken") -> None:
        typer.echo(made["token"])
        validity = (
            f"Valid for {output.count(uses, 'machine')} until {output.moment(made['expires'])}. It is not shown again."
        )
        typer.echo(f"{validity} On each machine:", err=True)
        typer.echo(f"  bayplan worker join {client.server} --token {made['token']}", err=True)

    return output.render(join_token, output_format, view=view, name=lambda made: [made["token"]])
