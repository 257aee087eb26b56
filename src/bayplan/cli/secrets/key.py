"""`bayplan secrets key`: prints a new key."""

import typer


def key() -> None:
    """Print a new key, for BAYPLAN_SECRETS_KEY."""
    from bayplan.db.keyring import new_key

    typer.echo(new_key())
