"""`bayplan secrets rotate`: encrypts every registry password with a new key."""

from typing import Annotated

import typer

from bayplan.cli.options import Database, Home


def rotate(
    new_key: Annotated[bool, typer.Option(help="Make a new key first (in the key file).")] = True,
    forget_lost: Annotated[
        bool, typer.Option("--forget-lost", help="Remove credentials whose key is lost, or that were altered.")
    ] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Encrypt every registry password with a new key.

    A running server goes on.
    """
    from bayplan.config import load_settings
    from bayplan.domain.units import count

    settings = load_settings(home=home, database=database)
    from bayplan.server.process import rotate as rotate_keys

    done = rotate_keys(settings, new_key=new_key, forget_lost=forget_lost)
    typer.echo(f"Encrypted {done.changed:,} of {done.total:,} registry passwords again with the newest key.")
    if done.forgotten:
        typer.echo(
            f"Removed the credentials of {count(done.forgotten, 'image')}, which no key decrypts. Enter them again."
        )
