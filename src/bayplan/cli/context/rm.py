"""`bayplan context rm`: removes a context."""

from typing import Annotated

import typer

from bayplan.cli.options import Yes


def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The names of the contexts.", show_default=False)],
    yes: Yes = False,
) -> None:
    """Forget contexts; the sessions at their servers stay."""
    from bayplan.cli import prompt
    from bayplan.client import contexts, stored_sessions

    existing = contexts.load()
    servers = {name: existing.server_of(name) for name in names}
    listed = ", ".join(
        f"{name}, {server}{' (the current one)' if name == existing.current else ''}"
        for name, server in servers.items()
    )
    if not prompt.agreed(f"Remove the context{'' if len(servers) == 1 else 's'} {listed}?", yes=yes):
        return
    for name, server in servers.items():
        contexts.remove(name)
        user = stored_sessions.user_at(server)
        kept = f" The session of {user} stays; `bayplan logout --server {server}` ends it." if user else ""
        typer.echo(f"Removed {name}.{kept}")
