"""Shows nodes, as a list or one with all its facts, and the list of workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.node_facts import NODE_FACTS
from bayplan.cli.node_labels import shown as labels_shown
from bayplan.cli.output import MUTED, Column, ago, count, count_of, fields, memory, moment, show, table, words

if TYPE_CHECKING:
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.workers import JoinTokenAnswer, WorkerAnswer

# By default a worker pings every minute: five missing pings are no jitter.
SILENT_AFTER_SECONDS = 300
_IN_TABLE = ("gpu_name", "compute_capability", "driver_version", "gpu_mem")


def show_list(nodes: Sequence[ExpandedNodeAnswer], existing: int | None = None, *, next_offset: int = 0) -> None:
    """Prints the nodes as a table, a line for each; `existing` is the number of nodes where the list was cut."""
    wide = [name for name in NODE_FACTS if name not in _IN_TABLE]
    has_names = any(node["hostname"] not in (None, node["ip"]) for node in nodes)
    columns = (
        Column("pk", right=True),
        Column("node", gives_way=True),
        Column("host", spare=4, wide=not has_names),
        Column("gpu", gives_way=True),
        Column("cc"),
        Column("generation", spare=3),
        Column("driver"),
        Column("gpu mem", right=True, spare=2),
        Column("last seen", spare=1),
        Column("labels", wide=True),
        *(Column(NODE_FACTS[name].title, wide=True) for name in wide),
    )
    rows = [
        (
            node["pk"],
            f"{node['ip']}#{node['index']}",
            node["hostname"],
            node["gpu_name"] or ("none" if node["driver_version"] is None else "not known"),
            node["compute_capability"],
            generation(node),
            node["driver_version"],
            memory(node["gpu_mem"]),
            heartbeat(node["last_seen"]),
            labels_shown(node["labels"]) or None,
            *(fact_value(node, name) for name in wide),
        )
        for node in nodes
    ]
    if not rows:
        return show(Text("No nodes.", style=MUTED))
    is_last = existing is None or next_offset >= existing
    more = "a lower --offset shows the others" if is_last else f"--offset {next_offset} shows the next ones"
    return show(table(columns, rows), Text(count_of(len(rows), existing, "node", more=more), style=MUTED))


def show_workers(workers: Sequence[WorkerAnswer]) -> None:
    """Prints the workers, a line for each."""
    columns = (
        Column("worker"),
        Column("address"),
        Column("nodes", right=True, spare=2),
        Column("last seen", spare=1),
        Column("joined", spare=3),
    )
    rows = [
        (
            worker["worker"],
            worker["ip"],
            len(worker["nodes"]),
            heartbeat(worker["last_seen"]),
            ago(worker["joined"]),
        )
        for worker in workers
    ]
    if not rows:
        return show(Text("No workers.", style=MUTED))
    faults = [
        Text(f"{worker['ip']}: {words(worker['fault'])}", style="yellow") for worker in workers if "fault" in worker
    ]
    return show(table(columns, rows), Text(count(len(rows), "worker"), style=MUTED), *faults)


def show_join_tokens(join_tokens: Sequence[JoinTokenAnswer]) -> None:
    """Prints the join tokens, a line for each."""
    columns = (
        Column("pk", right=True),
        Column("machines left", right=True),
        Column("until"),
        Column("last use"),
        Column("by", gives_way=True, spare=1),
    )
    rows = [
        (
            join_token["pk"],
            f"{join_token['uses_left']:,} of {join_token['uses']:,}",
            moment(join_token["expires"]),
            ago(join_token["last_used"]),
            join_token["creator_name"],
        )
        for join_token in join_tokens
    ]
    if not rows:
        return show(Text("No join tokens.", style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), "join token"), style=MUTED))


def show_one(node: ExpandedNodeAnswer) -> None:
    """Prints the fields of a node that have a value."""
    has_gpu = node["gpu_name"] or node["compute_capability"]
    values: Mapping[str, Any] = {
        **node,
        "driver_version": node["driver_version"] or ("not known" if has_gpu else "none"),
    }
    facts: list[tuple[str, Any]] = []
    for name, fact in NODE_FACTS.items():
        facts.append((fact.title, fact_value(values, name)))
        if name == "compute_capability":
            facts.append(("generation", generation(node)))
    address = Text(f"{node['ip']}#{node['index']}", style="bold")
    names = [("host", node["hostname"]), ("labels", labels_shown(node["labels"]) or None)]
    show(fields([("node", address), ("pk", node["pk"]), *names, *facts, ("last seen", heartbeat(node["last_seen"]))]))


def worker_name(worker: Mapping[str, Any]) -> str:
    """The name of a worker."""
    return str(worker["worker"])


def join_token_name(join_token: Mapping[str, Any]) -> str:
    """What commands call a join token: its key."""
    return str(join_token["pk"])


def name(node: Mapping[str, Any]) -> str:
    """The name of a node by which commands find it: address#index."""
    return f"{node['ip']}#{node['index']}"


def fact_value(facts: Mapping[str, Any], name: str) -> Any:
    """The value of a fact, sizes in words."""
    value = facts[name]
    return memory(value) if NODE_FACTS[name].is_size and value is not None else value


def heartbeat(last_seen: str | None) -> Text:
    """How long ago a node last pinged; marked as silent where it has stopped."""
    if last_seen is None:
        return Text(ago(None))
    passed_seconds = (datetime.now(UTC) - datetime.fromisoformat(last_seen)).total_seconds()
    if passed_seconds < SILENT_AFTER_SECONDS:
        return Text(ago(last_seen))
    return Text(f"{ago(last_seen)}, silent", style="yellow")


def generation(node: ExpandedNodeAnswer) -> str:
    """The GPU generation of a node."""
    return node["hardware_generation"]["generation"] if node["hardware_generation"] else "-"


def phrase(facts: Mapping[str, Any]) -> str:
    """The facts of a node in a phrase: "NVIDIA RTX A6000, compute capability 8.6, driver 535.104.05, amd64"."""
    gpu = facts.get("gpu_name")
    capability = facts.get("compute_capability")
    driver = facts.get("driver_version")
    parts = (
        gpu,
        f"compute capability {capability}" if capability else None,
        f"driver {driver}" if driver else "driver not known" if gpu or capability else "no GPU",
        facts.get("architecture"),
    )
    return ", ".join(words(part) for part in parts if part)
