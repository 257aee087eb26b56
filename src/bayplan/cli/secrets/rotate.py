"""`bayplan secrets rotate`: encrypts every registry password with a new key."""

from typing import Annotated

import typer

from bayplan.cli.options import Database, Home


def rotate(
    new_key: Annotated[bool, typer.Option(help="Make a new key first (in the key file).")] = True,
    home: Home = None,
    database: Database = None,
) -> None:
    """Encrypt every registry password with a new key.

    A running server goes on.
    """
    from bayplan.config import load_settings

    settings = load_settings(home=home, database=database)
    from bayplan.server.process import rotate as rotate_keys

    changed, total = rotate_keys(settings, new_key=new_key)
    typer.echo(f"Encrypted {changed:,} of {total:,} registry passwords again with the newest key.")
