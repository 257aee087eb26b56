"""`bayplan images reinstate`: brings a deleted image back."""

import typer

from bayplan.cli.options import ImageWords, Server


def reinstate(image: ImageWords, server: Server = None) -> None:
    """Bring a deleted image back."""
    from bayplan.cli import connection, lookup

    with connection.connect(server) as client:
        reinstated = client.images.reinstate(lookup.image(client, image, deleted=True)["pk"])
    typer.echo(f"{reinstated['name']} {reinstated['version']} is back.")
