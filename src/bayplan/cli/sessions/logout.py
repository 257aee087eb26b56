"""`bayplan logout`: forgets the session at a server."""

import typer

from bayplan.cli.options import Server


def logout(server: Server = None) -> None:
    """Log out of a server: forget the session."""
    from bayplan.cli import connection
    from bayplan.client import stored_sessions

    url = connection.address(server)
    session = stored_sessions.forget(url)
    typer.echo(f"Nobody was logged in to {url}." if session is None else f"{session.username} left {url}.")
