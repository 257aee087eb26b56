"""Shows this machine as a worker: its nodes, and its status at the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.agent.fact_status import FactStatus
from bayplan.agent.membership import Status
from bayplan.cli.output import Column, Lines, ago, fields, memory, show, table
from bayplan.domain.units import size

if TYPE_CHECKING:
    from bayplan.schemas.nodes import NodeAnswer


def show_joined(nodes: Sequence[NodeAnswer]) -> None:
    """Prints the nodes that this machine became."""
    show(Text("This machine is", style="bold"), _nodes(nodes), Text("Next: bayplan worker run"))


def show_status(status: Status) -> None:
    """Prints the server, the worker's name and nodes there, and what the worker could not ask or has not reported yet."""
    show(fields([("server", status["server"]), ("worker", status["worker"]), ("engine", status["engine"] or "none")]))
    if status["nodes"]:
        show(Text(), _nodes(status["nodes"]))
    if status["facts"]:
        show(Text(), facts_table(status["facts"]))
    for line in _scans(status["scans"]):
        show(Text(line))
    for trouble in status["troubles"]:
        show(Text(trouble, style="yellow"))
    for change in status["changes"]:
        show(Text(f"Not reported yet: {change}.", style="yellow"))


def _scans(scans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for the scan in progress and for each that failed, and one with the numbers of the others."""
    for scan in scans:
        if scan["state"] == "scanning":
            yield f"Scanning {scan['reference']}: {size(scan['read_bytes'])} read."
        elif scan["state"] == "failed":
            yield f"Not scanned: {scan['reference']}. {scan['detail']}"
    for state, words in (("waiting", "to be scanned"), ("done", "scanned")):
        if number := sum(scan["state"] == state for scan in scans):
            yield f"Images {words}: {number}."


def _nodes(nodes: Sequence[NodeAnswer]) -> Lines:
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
            _gpu(node),
            node["compute_capability"],
            node["driver_version"],
            memory(node["gpu_mem"]),
            ago(node["last_seen"]),
        )
        for node in nodes
    ]
    return table(columns, rows)


def _gpu(node: NodeAnswer) -> str:
    """Gives what a node's GPU is called, with the profile of a slice."""
    if node["gpu_name"]:
        return " ".join(filter(None, (node["gpu_name"], node["mig_profile"])))
    return node["target"] or ("none" if node["driver_version"] is None else "not known")


def facts_table(facts: Sequence[FactStatus], *, is_new: bool = False) -> Lines:
    """Gives a line for each fact; GPUs that have the same value are on one line. Where all `is_new`, none says when it was measured."""
    columns = (
        Column("fact", gives_way=True),
        Column("value", gives_way=True),
        *(() if is_new else (Column("measured", spare=1),)),
        Column("read from, or why not", gives_way=True),
    )
    groups: dict[tuple[str, object, str | None, str | None, str | None], list[int]] = {}
    for fact in facts:
        key = (fact["fact"], fact["value"], fact["measured"], fact["source"], fact["reason"])
        groups.setdefault(key, []).extend([] if fact["gpu"] is None else [fact["gpu"]])
    rows = [
        (
            name.removesuffix("_bytes").replace("_", " ") + (f" of GPU {', '.join(map(str, gpus))}" if gpus else ""),
            _value(value),
            *(() if is_new else (ago(measured),)),
            "; ".join(filter(None, (source, reason))),
        )
        for (name, value, measured, source, reason), gpus in groups.items()
    ]
    return table(columns, rows)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return memory(value)
    return "-" if value is None else str(value)
