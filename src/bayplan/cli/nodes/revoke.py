"""`bayplan nodes revoke`: ends a worker's credential."""

from typing import Annotated

import typer

from bayplan.cli.options import Server


def revoke(
    worker: Annotated[
        str, typer.Argument(metavar="WORKER", help="Its name, like w-5f2b8c1d9e3a7046.", show_default=False)
    ],
    with_nodes: Annotated[bool, typer.Option("--nodes", help="Remove its nodes as well.")] = False,
    server: Server = None,
) -> None:
    """End a worker's credential at once."""
    from bayplan.cli import connection

    with connection.connect(server) as client:
        client.nodes.revoke(worker, nodes=with_nodes)
    typer.echo(f"Revoked {worker}{' and removed its nodes' if with_nodes else '; its nodes stay'}.")
