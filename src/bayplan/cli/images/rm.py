"""`bayplan images rm`: deletes an image, so that it can be reinstated, or for good."""

from typing import Annotated

import typer

from bayplan.cli.options import ImageWords, Server, Yes


def rm(
    image: ImageWords,
    hard: Annotated[bool, typer.Option("--hard", help="For good: nothing is left to reinstate.")] = False,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Delete an image; it can be reinstated, unless it is --hard."""
    from bayplan.cli import connection, lookup, prompt

    with connection.connect(server) as client:
        existing = lookup.image(client, image)
        named = f"{existing['name']} {existing['version']}"
        if not hard:
            client.images.delete(existing["pk"])
            return typer.echo(f"Deleted {named}; `bayplan images reinstate {existing['pk']}` brings it back.")
        if prompt.agreed(f"Remove {named} for good?", yes=yes):
            client.images.delete_for_good(existing["pk"])
            typer.echo(f"Removed {named} for good.")
        return None
