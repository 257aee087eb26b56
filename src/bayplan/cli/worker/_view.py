"""Shows this machine as a worker: its nodes, and its status at the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from bayplan.agent.membership import Status
from bayplan.cli.output import Column, ago, fields, memory, show, table

if TYPE_CHECKING:
    from bayplan.schemas.nodes import NodeAnswer


def show_joined(nodes: Sequence[NodeAnswer]) -> None:
    """Prints the nodes that this machine became."""
    show(Text("This machine is", style="bold"), _nodes(nodes), Text("Next: bayplan worker run"))


def show_status(status: Status) -> None:
    """Prints the server, the worker's name and nodes there, and what the worker could not ask or has not reported yet."""
    show(fields([("server", status["server"]), ("worker", status["worker"]), ("engine", status["engine"] or "none")]))
    if status["nodes"]:
        show(_nodes(status["nodes"]))
    for trouble in status["troubles"]:
        show(Text(trouble, style="yellow"))
    for change in status["changes"]:
        show(Text(f"Not reported yet: {change}.", style="yellow"))


def _nodes(nodes: Sequence[NodeAnswer]) -> Table:
    columns = (
        Column("pk", right=True),
        Column("node", gives_way=True),
        Column("gpu", gives_way=True),
        Column("cc"),
        Column("driver"),
        Column("gpu mem", right=True, spare=2),
        Column("last seen", spare=1),
    )
    rows = [
        (
            node["pk"],
            f"{node['ip']}#{node['index']}",
            node["gpu_name"] or ("none" if node["driver_version"] is None else "not known"),
            node["compute_capability"],
            node["driver_version"],
            memory(node["gpu_mem"]),
            ago(node["last_seen"]),
        )
        for node in nodes
    ]
    return table(columns, rows)
