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
    if variables := connection.variables_in_force():
        ended = "No session was kept" if session is None else "The session that was kept has ended"
        verb, them = ("stay", "them") if " and " in variables else ("stays", "it")
        typer.echo(f"{ended}; {variables} {verb} in force: commands go by {them} until you unset {them}.", err=True)
