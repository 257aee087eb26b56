"""`bayplan nodes revoke`: ends the credentials of workers."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, Yes
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.workers import WorkerAnswer


def revoke(
    workers: Annotated[
        list[str],
        typer.Argument(metavar="WORKER", help="Their names, like w-5f2b8c1d9e3a7046.", show_default=False),
    ],
    with_nodes: Annotated[bool, typer.Option("--nodes", help="Remove their nodes as well.")] = False,
    yes: Yes = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """End the credentials of workers at once.

    It says which nodes they have, and asks first.
    """
    from bayplan.cli import connection, output, removal
    from bayplan.cli.nodes import _view as node_view

    with connection.connect(server) as client:
        joined = {worker["worker"]: worker for worker in client.nodes.workers()}
        for name in workers:
            if name not in joined:
                raise NotFound(f"There is no worker {name!r}: `bayplan nodes workers` lists all workers.")

        def question(worker: "WorkerAnswer") -> str:
            number = len(worker["nodes"])
            verb = ("goes", "go") if with_nodes else ("stays", "stay")
            after = f" Its {output.count(number, 'node')} {verb[number != 1]}." if number else ""
            return f"Revoke {worker['worker']} at {worker['ip']}?{after}"

        def end(worker: "WorkerAnswer") -> "Outcome":
            client.nodes.revoke(worker["worker"], nodes=with_nodes)
            return (
                worker,
                f"Revoked {worker['worker']}{' and removed its nodes' if with_nodes else '; its nodes stay'}.",
            )

        revoked = [joined[name] for name in workers]
        removal.ask_and_remove(revoked, question, end, node_view.worker_name, yes=yes, output_format=output_format)
