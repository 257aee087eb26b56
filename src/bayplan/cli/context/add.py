"""`bayplan context add`: gives a server a name."""

from typing import Annotated

import typer


def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for the server, such as prod.", show_default=False)
    ],
    url: Annotated[str, typer.Option("--server", metavar="URL", help="The server's address.", show_default=False)],
) -> None:
    """Give a server a name."""
    from bayplan.client import contexts

    contexts.add(name, url)
    typer.echo(f"Added {name}; `bayplan context use {name}` makes it the current one.")
