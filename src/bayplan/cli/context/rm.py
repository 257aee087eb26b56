"""`bayplan context rm`: removes a context."""

from typing import Annotated

import typer

from bayplan.cli.options import Yes


def rm(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)], yes: Yes = False
) -> None:
    """Forget a context; the session at its server stays."""
    from bayplan.cli import prompt
    from bayplan.client import contexts, stored_sessions

    existing = contexts.load()
    server = existing.server_of(name)
    is_current = " (the current one)" if existing.current == name else ""
    if not prompt.agreed(f"Remove the context {name}, {server}{is_current}?", yes=yes):
        return
    contexts.remove(name)
    session = stored_sessions.find(server)
    kept = f" The session of {session.username} stays; `bayplan logout --server {server}` ends it." if session else ""
    typer.echo(f"Removed {name}.{kept}")
