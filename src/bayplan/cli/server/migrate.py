"""`bayplan migrate`: brings the database to the schema of this bayplan."""

import typer

from bayplan.cli.options import Database, Home


def migrate(home: Home = None, database: Database = None) -> None:
    """Bring the database to the schema of this bayplan."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.server.process import migrate

    before, after = migrate(settings)
    typer.echo(
        f"The schema is {after}: nothing to do."
        if before == after
        else f"The schema was {before or 'empty'}, now it is {after}."
    )
