"""`bayplan check-database`: what is wrong with the database, and what to do."""

from dataclasses import asdict

import typer

from bayplan.cli.options import TABLE, Database, Home, Output

SOMETHING_IS_WRONG = 3
"""The exit code where a part is not in order."""


def check_database(
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """Check the database, its rows and references and secrets.

    Pages, tables, rows, references, versions, secrets. A running server goes on.
    """
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli import output
    from bayplan.cli.server._database_view import show_parts
    from bayplan.server import database_check

    parts = []
    for name, check in database_check.steps(settings):
        with output.working(f"Checking {name}"):
            parts.append(check())
    output.render(
        [asdict(part) for part in parts],
        output_format,
        view=lambda _answer: show_parts(parts),
        name=lambda part: part["name"],
    )
    if any(part.problems for part in parts):
        raise typer.Exit(SOMETHING_IS_WRONG)
