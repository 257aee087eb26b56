"""`bayplan prefetch rm`: removes a rule."""

import typer

from bayplan.cli.options import Server
from bayplan.cli.prefetch._options import RuleName


def rm(rule: RuleName, server: Server = None) -> None:
    """Remove a rule.

    Workers remove what no other rule gives them, and no container uses.
    """
    from bayplan.cli import connection, lookup

    with connection.connect(server) as client:
        existing = lookup.prefetch_rule(client, rule)
        client.prefetch.delete(existing["pk"])
    typer.echo(f"Removed the rule {existing['name']!r}.")
