"""Shows one image over a fleet: a table of kinds of nodes, with the reasons as notes below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.matching._view import Notes
from bayplan.cli.node_facts import NODE_FACTS
from bayplan.cli.output import MUTED, Column, Lines, count, fields, grade, show, table, words
from bayplan.exports.docker_run import RUNS

if TYPE_CHECKING:
    from bayplan.schemas.match import FitAnswer, GradedKind, NodeOfKind

NAMED_AT_MOST = 4


def show_fit(answer: FitAnswer, image: Text, changes: Mapping[str, Any]) -> None:
    """Prints the kinds of nodes, best first, each with the number and the names of its nodes."""
    kinds = answer["kinds"]
    running, undecided = (
        sum(len(kind["nodes"]) for kind in kinds if kind["grade"] in grades) for grades in (RUNS, ("unknown",))
    )
    what_if = ", ".join(
        f"{NODE_FACTS[name].title} {words('none' if value is None else value)}" for name, value in changes.items()
    )
    head = fields(
        [("Image", image), ("With", what_if or None), ("Result", _result(running, undecided, answer["considered"]))]
    )
    if not kinds:
        return show(head)
    notes = Notes("node")
    hosts = _hosts(kinds)
    columns = (
        Column("grade"),
        Column("nodes", right=True),
        Column("gpu", gives_way=True),
        Column("driver"),
        Column("arch", spare=2),
        Column("names", gives_way=True),
        Column("notes"),
    )
    rows = [
        (
            grade(kind["grade"]),
            len(kind["nodes"]),
            _gpu(kind),
            kind["worker"]["driver_version"],
            kind["worker"]["architecture"],
            _names(kind["nodes"], hosts),
            notes.refer(kind["reasons"], len(kind["nodes"])),
        )
        for kind in kinds
    ]
    parts: list[Text | Lines] = [head, Text(), table(columns, rows)]
    if notes.reasons:
        parts += [Text(), notes.table()]
    return show(*parts)


def names(answer: FitAnswer) -> list[str]:
    """The nodes that run the image, best first."""
    return [name(node) for kind in answer["kinds"] if kind["grade"] in RUNS for node in kind["nodes"]]


def name(node: NodeOfKind) -> str:
    """A node as commands take it."""
    return f"{node['ip']}#{node['index']}"


def _gpu(kind: GradedKind) -> Text:
    worker = kind["worker"]
    gpu = worker["gpu_name"] or worker["target"] or worker["compute_capability"]
    if gpu is None:
        return Text("none" if worker["driver_version"] is None else "not known", style=MUTED)
    return Text(words(gpu) + (f" {worker['mig_profile']}" if worker["mig_profile"] else ""))


def _hosts(kinds: Sequence[GradedKind]) -> Mapping[str, str]:
    """What people call the machine at each address: its own name where no other machine has it, else the address."""
    hosts = {node["ip"]: node["hostname"] or node["ip"] for kind in kinds for node in kind["nodes"]}
    machines = Counter([*hosts.values(), *hosts])
    return {ip: host if machines[host] == 1 else ip for ip, host in hosts.items()}


def _names(nodes: Sequence[NodeOfKind], hosts: Mapping[str, str]) -> str:
    more = f" and {len(nodes) - NAMED_AT_MOST:,} more" if len(nodes) > NAMED_AT_MOST else ""
    return ", ".join(f"{hosts[node['ip']]}#{node['index']}" for node in nodes[:NAMED_AT_MOST]) + more


def _result(running: int, undecided: int, considered: int) -> str:
    if not considered:
        return "There are no nodes; `bayplan nodes add` and `bayplan worker join` add some."
    not_known = f"; for {undecided:,} it is not known" if undecided else ""
    return f"It runs on {f'{running:,}' if running else 'none'} of {count(considered, 'node')}{not_known}."
