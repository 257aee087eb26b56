"""`bayplan check-database`: what is wrong with the database, and what to do."""

from dataclasses import asdict
from typing import Annotated

import typer

from bayplan.cli.options import Database, Home

SOMETHING_IS_WRONG = 3
"""The exit code where a part is not in order."""


def check_database(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Check the database: pages, tables, rows, references, versions, secrets. A running server goes on."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli.output import working
    from bayplan.server import database_check

    parts = []
    for name, check in database_check.steps(settings):
        with working(f"Checking {name}"):
            parts.append(check())
    if json:
        from bayplan.cli.output import show_json

        show_json([asdict(part) for part in parts])
    else:
        from bayplan.cli.server._database_view import show_parts

        show_parts(parts)
    if any(part.problems for part in parts):
        raise typer.Exit(SOMETHING_IS_WRONG)
