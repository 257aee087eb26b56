"""`bayplan help COMMAND`: shows the help of a command."""

from typing import Annotated

import typer


def help_(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Such as images, or images list.", show_default=False),
    ] = None,
) -> None:
    """Show the help of a command, as COMMAND --help does."""
    from bayplan.cli import app

    app([*(words or ()), "--help"], prog_name="bayplan", standalone_mode=False)
