"""Rules for prefetching, and what comes of them, on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, Column, ago, count, fields, moment, show, size, table
from bayplan.cli.prefetch._filters import in_words

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import (
        ExpandedPrefetchRuleAnswer,
        ImageInventory,
        ImageOfNode,
        NodeInventory,
        NodeOfImage,
        WorkerInventory,
    )

STYLES = {"held": "green", "pulling": "cyan", "removing": "cyan", "failed": "bold red", "no_room": "yellow"}


def show_list(rules: Sequence[ExpandedPrefetchRuleAnswer]) -> None:
    """The rules, a line for each."""
    columns = (
        Column("pk", right=True),
        Column("rule", gives_way=True),
        Column("nodes", gives_way=True),
        Column("images", gives_way=True),
        Column("by", spare=1),
    )
    rows = [
        (rule["pk"], rule["name"], in_words(rule["nodes"]), in_words(rule["images"]), rule["creator"]["username"])
        for rule in rules
    ]
    if not rows:
        return show(Text("No rules.", style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), "rule"), style=MUTED))


def show_one(rule: ExpandedPrefetchRuleAnswer) -> None:
    """All of one rule."""
    order = ", ".join(
        f"{one['field']}{'' if one.get('ascending', True) else ' (last first)'}" for one in rule["images"]["order_by"]
    )
    show(
        fields(
            [
                ("rule", Text(rule["name"], style="bold")),
                ("pk", rule["pk"]),
                ("nodes", in_words(rule["nodes"])),
                ("images", in_words(rule["images"])),
                ("in the order of", order or "their keys"),
                ("added by", rule["creator"]["username"]),
                ("added", moment(rule["creation_time"])),
            ]
        )
    )


def show_machines(machines: Sequence[WorkerInventory]) -> None:
    """All machines in numbers, a line for each."""
    columns = (
        Column("machine", gives_way=True),
        Column("nodes", right=True, spare=2),
        Column("wanted", right=True),
        Column("held", right=True),
        Column("pulling", right=True, spare=1),
        Column("failed", right=True),
        Column("no room", right=True),
        Column("takes", right=True, spare=3),
        Column("since", spare=4),
    )
    rows = [
        (
            one["ip"],
            len(one["nodes"]),
            one["wanted"],
            Text(str(one["held"]), style="green" if one["held"] == one["wanted"] else ""),
            one["pulling"],
            Text(str(one["failed"]), style=STYLES["failed"] if one["failed"] else ""),
            Text(str(one["no_room"]), style=STYLES["no_room"] if one["no_room"] else ""),
            size(one["held_bytes"]),
            ago(one["changed"]),
        )
        for one in machines
    ]
    if not rows:
        return show(Text("No machine has joined.", style=MUTED))
    held = sum(one["held"] == one["wanted"] for one in machines)
    said = f"{count(len(rows), 'machine')}, {held:,} with all that is wanted there"
    return show(table(columns, rows), Text(said, style=MUTED))


def show_node(found: NodeInventory) -> None:
    """What there is of images for a node, a line for each."""
    named = [(f"{one['name']}:{one['version']}", one) for one in found["images"]]
    _show_holdings("image", named, "No image is wanted or held there.")


def show_image(found: ImageInventory) -> None:
    """For which nodes there is something of an image, a line for each."""
    named = [(f"{one['ip']}#{one['index']}", one) for one in found["nodes"]]
    _show_holdings("node", named, "No node is to hold it, or does.")


def _show_holdings(what: str, named: Sequence[tuple[str, ImageOfNode | NodeOfImage]], where_none: str) -> None:
    columns = (
        Column(what, gives_way=True),
        Column("wanted"),
        Column("state"),
        Column("size", right=True, spare=2),
        Column("since", spare=1),
        Column("why", gives_way=True),
    )
    rows = [
        (
            name,
            one["wanted"],
            state(one["state"]),
            size(one["size_bytes"]),
            ago(one["at"]) if one["at"] else None,
            one["detail"],
        )
        for name, one in named
    ]
    if not rows:
        return show(Text(where_none, style=MUTED))
    return show(table(columns, rows), Text(count(len(rows), what), style=MUTED))


def state(name: str | None) -> Text:
    """What a machine says of an image, in its colour; a machine that has not said anything yet is waited for."""
    return Text("not yet", style=MUTED) if name is None else Text(name.replace("_", " "), style=STYLES[name])
