"""`bayplan serve`: runs the server."""

from typing import Annotated

import typer

from bayplan.cli import streams
from bayplan.cli.options import Database, Home


def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to serve on. [BAYPLAN_HOST]")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port to serve on, 0 for any that is free. [BAYPLAN_PORT]")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Number of processes that share the port. [BAYPLAN_PROCESSES]")
    ] = None,
    new_catalogue: Annotated[
        bool,
        typer.Option("--new-catalogue", help="Begin a new catalogue although keys of an old one are left."),
    ] = False,
    examples: Annotated[
        bool, typer.Option("--examples", help="Load the example catalogue and fleet first, into an empty catalogue.")
    ] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Serve the catalogue and the judge over HTTP."""
    from bayplan.config import load_settings

    settings = load_settings(host=host, port=port, processes=processes, home=home, database=database)
    from bayplan.server.process import serve

    streams.drop_what_is_not_taken()
    serve(settings, new_catalogue=new_catalogue, with_examples=examples)
