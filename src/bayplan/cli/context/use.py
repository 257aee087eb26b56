"""`bayplan context use`: makes a context the current one."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output


def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The context's name.", show_default=False)],
    output_format: Output = TABLE,
) -> None:
    """Make a context the current one, whose server commands ask."""
    from bayplan.cli import connection, output
    from bayplan.cli.context import _view as view
    from bayplan.client import contexts

    server = contexts.use(name)
    sentence = f"Commands use {name} ({server}) from now on."
    output.render(view.entry(contexts.load(), name), output_format, view=sentence, name=view.name)
    connection.warn_unless_asked(server)
