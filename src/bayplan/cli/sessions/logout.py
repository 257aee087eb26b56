"""`bayplan logout`: forgets the session at a server."""

import typer

from bayplan.cli.options import Server


def logout(server: Server = None) -> None:
    """Log out of a server, and remove the session."""
    from bayplan.cli import connection
    from bayplan.client import stored_sessions

    url = connection.address(server)
    session = stored_sessions.forget(url)
    typer.echo(f"You were not logged in to {url}." if session is None else f"Logged {session.username} out of {url}.")
    if variables := connection.variables_in_force():
        ended = "No session was stored" if session is None else "The stored session has ended"
        verb, them = ("are", "them") if " and " in variables else ("is", "it")
        typer.echo(f"{ended}. {variables} {verb} still set: commands use {them} until you unset {them}.", err=True)
