"""`bayplan nodes join-token`: makes a token with which machines join as workers."""

from typing import Annotated

import typer

from bayplan.cli.options import AsJson, Server, duration


def join_token(
    expires_in: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="For how long it is good: 90s, 15m, 12h; at most 31d."),
    ] = "1h",  # type: ignore[assignment]  # the parser reads the default too
    uses: Annotated[int, typer.Option(min=1, metavar="N", help="How many machines can join with it.")] = 1,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make a token with which machines join as workers."""
    from bayplan.cli import connection, output

    with connection.connect(server) as client:
        join_token = client.nodes.make_join_token(expires_in=expires_in, uses=uses)
        if as_json:
            return output.show_json(join_token)
        typer.echo(join_token["token"])
        validity = f"Good for {output.count(uses, 'machine')} until {output.moment(join_token['expires'])}; it is not shown again."
        typer.echo(f"{validity} On each machine:", err=True)
        return typer.echo(f"  bayplan worker join {client.server} --token {join_token['token']}", err=True)
