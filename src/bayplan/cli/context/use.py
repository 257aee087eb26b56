"""`bayplan context use`: makes a context the current one."""

from typing import Annotated

import typer


def use(name: Annotated[str, typer.Argument(metavar="NAME", help="The context's name.", show_default=False)]) -> None:
    """Have commands ask the server of this context."""
    from bayplan.cli import connection
    from bayplan.client import contexts

    server = contexts.use(name)
    typer.echo(f"Commands use {name} ({server}) from now on.")
    connection.warn_unless_asked(server)
