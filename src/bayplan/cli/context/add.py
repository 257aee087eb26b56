"""`bayplan context add`: gives a server a name."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output


def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for the server, such as prod.", show_default=False)
    ],
    url: Annotated[str, typer.Option("--server", metavar="URL", help="The server's address.", show_default=False)],
    output_format: Output = TABLE,
) -> None:
    """Give a server a name."""
    from bayplan.cli import output
    from bayplan.cli.context import _view as view
    from bayplan.client import contexts

    contexts.add(name, url)
    sentence = f"Added {name}; `bayplan context use {name}` makes it the current one."
    output.render(view.entry(contexts.load(), name), output_format, view=sentence, name=view.name)
