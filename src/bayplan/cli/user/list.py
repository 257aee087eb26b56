"""`bayplan user list`: lists the users, from the database itself."""

import json

from bayplan.cli.options import TABLE, Database, Home, Output


def list_(home: Home = None, database: Database = None, output_format: Output = TABLE) -> None:
    """List the users."""
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.cli.user import _accounts

    users = json.loads(_accounts.listed(settings))
    from bayplan.cli import output
    from bayplan.cli.user._view import show_users

    output.render(users, output_format, view=show_users, name=lambda user: user["username"])
